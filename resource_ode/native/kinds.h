// The kinds of processors that the loops are compiled for: a source and a table of calls for each, so that a compiler can
// be at all of them at once. Sources include what all kinds share before they say which processor they mean.
#pragma once

#include "kernels.h"
#include "processor.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_KINDS 1
#endif
// Of x86 there is hardly a processor left without AVX2, and JAX itself needs AVX: the loops for any processor, which take
// twice as long to compile there as those for one kind, are for all others. `CPPFLAGS=-DWITH_PLAIN` adds them, for tests.
#if !defined(HAS_KINDS) || defined(WITH_PLAIN)
#define HAS_PLAIN 1
#endif

#if defined(HAS_PLAIN)
extern const Kernels plain_kernels;
#endif
#if defined(HAS_KINDS)
extern const Kernels avx2_kernels, avx512_kernels;
#endif
