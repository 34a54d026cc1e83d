/* Here for its name alone: what it declares for kernels is in simulated_device.h. */
