"""Backbones: functions of a picture that return named maps, from which the heads of networks are computed."""
