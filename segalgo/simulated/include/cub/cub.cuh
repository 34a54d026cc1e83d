#include "simulated_cub.h"
