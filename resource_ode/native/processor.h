// How functions are marked that two processors share: the loops on a CPU, and the walk, by nvcc, on a GPU.
#pragma once

#if defined(__CUDACC__)
#define SHARED __host__ __device__
#else
#define SHARED
#endif

#define INLINE SHARED static inline __attribute__((always_inline))
