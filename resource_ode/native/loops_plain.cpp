// The loops for any processor.

#include "kinds.h"

#if defined(HAS_PLAIN)
#define WIDTH 4
namespace {
#include "cascade_of_a_kind.h"
}  // namespace

extern const Kernels plain_kernels = KERNELS;
#endif
