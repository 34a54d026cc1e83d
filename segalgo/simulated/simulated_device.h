/* A CUDA device made of the host's processor: the host compiler reads a .cu file through this header and runs it.
 *
 * How: a block runs on one OS thread, its CUDA threads are fibers (ucontext) that give way at barriers and warp
 * operations; watched kernels also where a thread spins, or before atomic and volatile accesses if asked to. Blocks are
 * handed to OS threads; those of watched and of cooperative kernels pass a baton, so that one runs at a time. A fiber
 * that ends without waiting takes the next CUDA thread at once. __shared__ variables are thread-local: one per block at
 * a time, with the last block's bytes in them, as on a card.
 *
 * Its parts: simulated_types.h, _blocks, _baton, _warps, _calls, _atomics, _numbers, _fast, _half, _bfloat16; what a
 * source includes for itself, _groups, _cub, _tensors; and _watch, through which a kernel compiled for verification
 * reports every access to simulated_hooks.h and simulated_record.h.
 *
 * Modelled: grids, blocks and threads in 3-D; static and dynamic shared memory; __syncthreads and its _count, _and,
 * _or forms; integer and float atomics; __syncwarp, shuffles, ballots, any, all, match, reduce, with masks; the common
 * math and bit intrinsics, the fast ones with their documented errors; vector types, half, half2, bfloat16; cooperative
 * groups (block, tiles, coalesced, grid); BlockReduce, BlockScan, WarpReduce, WarpScan of CUB; tensor accessors.
 * Stricter than a card: number, kind and size of arguments are checked; a barrier that part of a block skips, two
 * barriers at once, a deadlock, a shuffle from a lane outside the mask are errors; threads and blocks run forward,
 * reversed or shuffled by a seed. __activemask() is the largest mask there can be: all lanes that come there.
 * Not modelled: weak memory order (a missing __threadfence goes unseen), speed, streams, textures, dynamic
 * parallelism, tensor cores, inline PTX. Stale static shared memory is poisoned in watched kernels only.
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

#include "simulated_watch.h"
#include "simulated_types.h"
#include "simulated_blocks.h"
#include "simulated_warps.h"
#include "simulated_baton.h"
#include "simulated_calls.h"
#include "simulated_atomics.h"
#include "simulated_numbers.h"
#include "simulated_fast.h"
#include "simulated_half.h"
#include "simulated_bfloat16.h"

#endif
