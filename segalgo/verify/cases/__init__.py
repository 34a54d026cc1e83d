"""Inputs of a verification: recipes of cases, their values, smaller versions of failing ones."""
