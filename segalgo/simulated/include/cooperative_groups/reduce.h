#include "simulated_groups.h"
