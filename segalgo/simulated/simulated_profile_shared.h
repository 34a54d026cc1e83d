/* Dynamic shared memory of a profiled kernel: the compiler reads this before the kernel's source. */
#ifndef SEGALGO_SIMULATED_PROFILE_SHARED_H
#define SEGALGO_SIMULATED_PROFILE_SHARED_H

#include "simulated_device.h"

/* Declared outside of functions; in place of that of simulated_types.h. */
#undef SIMULATED_DYNAMIC_SHARED
#define SIMULATED_DYNAMIC_SHARED(T, name)                                                                            \
    thread_local T* name = nullptr;                                                                                  \
    static simulated::AtFileScope name##_at_file_scope([](void* memory) { name = reinterpret_cast<T*>(memory); })

#endif
