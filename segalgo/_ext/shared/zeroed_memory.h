/* Large tables of zeros of which only a part may be used: untouched pages cost nothing, and on Linux touched ones come
 * in large pages, because a fault for every 4 KiB would take longer than filling the table. */
#ifndef SEGALGO_ZEROED_MEMORY_H
#define SEGALGO_ZEROED_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

/* Returns NULL where there is no memory; release with the same size. */
static inline void* segalgo_zeroed(size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (bytes >= (size_t)4 << 20) {
        void* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return NULL;
        madvise(memory, bytes, MADV_HUGEPAGE); /* advice: where it is refused, pages are small */
        return memory;
    }
#endif
    return calloc(bytes ? bytes : 1, 1);
}

static inline void segalgo_release_zeroed(void* memory, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (bytes >= (size_t)4 << 20) {
        if (memory) munmap(memory, bytes);
        return;
    }
#endif
    (void)bytes;
    free(memory);
}

#endif
