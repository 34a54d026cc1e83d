#include "simulated_tensors.h"
