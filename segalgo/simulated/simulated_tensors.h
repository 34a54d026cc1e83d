/* Of PyTorch: tensor accessors and the names that kernels use. Included by <torch/extension.h> and <ATen/ATen.h>. */
#ifndef SEGALGO_SIMULATED_TENSORS_H
#define SEGALGO_SIMULATED_TENSORS_H

#include "simulated_device.h"

namespace at {

template <class T> struct DefaultPtrTraits { using PtrType = T*; };
template <class T> struct RestrictPtrTraits { using PtrType = T*; };

template <class T, size_t axes, template <class> class Traits = DefaultPtrTraits, class Index = int64_t>
struct TensorAccessor {
    T* address;
    const Index *sizes_, *strides_;
    TensorAccessor(T* address, const Index* sizes, const Index* strides)
        : address(address), sizes_(sizes), strides_(strides) {}
    Index size(Index k) const { return sizes_[k]; }
    Index stride(Index k) const { return strides_[k]; }
    T* data() const { return address; }
    decltype(auto) operator[](Index k) const {
        if constexpr (axes == 1) return (address[k * strides_[0]]);
        else return TensorAccessor<T, axes - 1, Traits, Index>(address + k * strides_[0], sizes_ + 1, strides_ + 1);
    }
};

template <class T, size_t axes, template <class> class Traits = DefaultPtrTraits, class Index = int64_t>
struct GenericPackedTensorAccessor {
    using simulated_element = T;
    static constexpr size_t simulated_axes = axes, simulated_width = sizeof(Index);
    T* address;
    Index sizes_[axes], strides_[axes];
    Index size(Index k) const { return sizes_[k]; }
    Index stride(Index k) const { return strides_[k]; }
    T* data() const { return address; }
    decltype(auto) operator[](Index k) const {
        if constexpr (axes == 1) return (address[k * strides_[0]]);
        else return TensorAccessor<T, axes - 1, Traits, Index>(address + k * strides_[0], sizes_ + 1, strides_ + 1);
    }
};
template <class T, size_t axes, template <class> class Traits = DefaultPtrTraits>
using PackedTensorAccessor32 = GenericPackedTensorAccessor<T, axes, Traits, int32_t>;
template <class T, size_t axes, template <class> class Traits = DefaultPtrTraits>
using PackedTensorAccessor64 = GenericPackedTensorAccessor<T, axes, Traits, int64_t>;
template <class T, size_t axes, template <class> class Traits = DefaultPtrTraits, class Index = int64_t>
using PackedTensorAccessor = GenericPackedTensorAccessor<T, axes, Traits, Index>;

using Half = half;
using BFloat16 = __nv_bfloat16;
template <class T, bool on_gpu = true> struct simulated_wider { using type = T; };
template <bool on_gpu> struct simulated_wider<half, on_gpu> { using type = float; };
template <bool on_gpu> struct simulated_wider<__nv_bfloat16, on_gpu> { using type = float; };
template <class T, bool on_gpu = true> using acc_type = typename simulated_wider<T, on_gpu>::type;
template <class T> using opmath_type = typename simulated_wider<T>::type;
template <class T> T ceil_div(T a, T b) { return (a + b - 1) / b; }

}  // namespace at

namespace c10 { using at::BFloat16; using at::Half; }
namespace torch {
using at::DefaultPtrTraits;
using at::PackedTensorAccessor;
using at::PackedTensorAccessor32;
using at::PackedTensorAccessor64;
using at::RestrictPtrTraits;
using at::TensorAccessor;
}  // namespace torch

#define C10_DEVICE
#define C10_HOST_DEVICE
#define C10_LAUNCH_BOUNDS_1(n)
#define C10_LAUNCH_BOUNDS_2(n, m)
#define CUDA_KERNEL_ASSERT(condition) assert(condition)
#define CUDA_KERNEL_LOOP_TYPE(k, n, type)                                                                            \
    for (type k = type(blockIdx.x) * blockDim.x + threadIdx.x; k < (n); k += type(blockDim.x) * gridDim.x)
#define CUDA_KERNEL_LOOP(k, n) CUDA_KERNEL_LOOP_TYPE(k, n, int)
#define CUDA_1D_KERNEL_LOOP(k, n) CUDA_KERNEL_LOOP_TYPE(k, n, int)
template <class T, class V> T gpuAtomicAdd(T* address, V value) { return atomicAdd(address, T(value)); }
template <class T, class V> void gpuAtomicAddNoReturn(T* address, V value) { atomicAdd(address, T(value)); }

#endif
