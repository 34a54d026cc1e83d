/* A CUDA device made of the host's processor: the host compiler reads a .cu file through this header and runs it.
 *
 * How: a block runs on one OS thread, its CUDA threads are fibers (ucontext) that give way at barriers and warp
 * operations only; blocks are handed to OS threads. A fiber that ends without waiting takes the next CUDA thread
 * at once, so a kernel without barriers never switches. __shared__ variables are thread-local: one per block at a
 * time, with the last block's bytes in them, as on a card.
 *
 * Its parts: simulated_types.h, _blocks, _warps, _calls, _atomics, _numbers, _half; and _watch, through which a kernel
 * compiled for verification reports every access to simulated_hooks.h.
 *
 * Modelled: grids, blocks and threads in 3-D; static and dynamic shared memory; __syncthreads and its _count, _and,
 * _or forms; integer and float atomics; __syncwarp, shuffles, ballots, any, all, with masks; the common math and bit
 * intrinsics; vector types.
 * Stricter than a card: number, kind and size of arguments are checked; a barrier that part of a block skips, two
 * barriers at once, a deadlock, a shuffle from a lane outside the mask are errors; threads and blocks run forward,
 * reversed or shuffled by a seed.
 * Not modelled: weak memory order (a missing __threadfence goes unseen), speed, streams, textures, cooperative
 * groups, dynamic parallelism, __activemask, tensor cores. Stale static shared memory is poisoned in watched kernels
 * only.
 */
#ifndef SEGALGO_SIMULATED_DEVICE_H
#define SEGALGO_SIMULATED_DEVICE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "simulated_types.h"
#include "simulated_watch.h"
#include "simulated_blocks.h"
#include "simulated_warps.h"
#include "simulated_calls.h"
#include "simulated_atomics.h"
#include "simulated_numbers.h"
#include "simulated_half.h"

#endif
