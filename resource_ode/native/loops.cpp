// The cascade as compiled loops: full trajectories, learning times and levels of many graphs on all cores.
//
// Everything that computes is compiled once a kind of processor, and the best kind that is there is taken when it runs.

#include "problem.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#define INLINE static inline __attribute__((always_inline))

namespace {

// Shares of at most `most` for each of several threads that come free; false if memory ran out.
template <class MakeWorker>
bool share_out(int64_t count, int64_t most, int64_t threads, const MakeWorker &make) {
    const int64_t size = std::clamp<int64_t>(count / (4 * threads), 1, most);
    std::atomic<int64_t> next{0};
    std::atomic<bool> failed{false};
    auto work = [&] {
        try {
            auto worker = make();
            for (;;) {
                const int64_t first = next.fetch_add(size);
                if (first >= count) return;
                for (int64_t row = first; row < std::min(count, first + size); row++) worker(row);
            }
        } catch (const std::exception &) {
            failed = true;
        }
    };
    std::vector<std::thread> others;
    try {
        for (int64_t thread = 1; thread < std::min(threads, (count + size - 1) / size); thread++)
            others.emplace_back(work);
    } catch (const std::exception &) {
        // fewer threads do the same work
    }
    work();
    for (auto &thread : others) thread.join();
    return !failed;
}

}  // namespace

namespace {
namespace plain {
#include "vectors.h"
#include "cascade.h"
#include "reading.h"
#include "calls.h"
}  // namespace plain
}  // namespace

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_AVX2 1
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace {
namespace avx2 {
#include "vectors.h"
#include "cascade.h"
#include "reading.h"
#include "calls.h"
}  // namespace avx2
}  // namespace
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif


// What Python calls. `single` says that results are float32; what is solved is always float64.

namespace {

bool has_avx2() {
#if defined(HAS_AVX2)
    static const bool found = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return found;
#else
    return false;
#endif
}

}  // namespace

#if defined(HAS_AVX2)
#define CALL(function, ...) (has_avx2() ? avx2::function(__VA_ARGS__) : plain::function(__VA_ARGS__))
#else
#define CALL(function, ...) plain::function(__VA_ARGS__)
#endif

template <class Out>
static Out *as(void *pointer) {
    return static_cast<Out *>(pointer);
}

#define EXPORT __attribute__((visibility("default")))

extern "C" {

// changes whenever a signature or `Problem` does: a library of another version is not used
EXPORT int64_t resource_ode_interface() { return 4; }

EXPORT int resource_ode_trajectories(const Problem *problem, const Rule *rule, int64_t threads, int single,
                                     const double *last, const double *end, void *state, void *clock, uint8_t *unsure,
                                     uint8_t *lost, const double *ts, int64_t times) {
    if (single)
        return CALL(trajectories, *problem, *rule, threads, last, end, as<float>(state), as<float>(clock), unsure, lost,
                    ts, times);
    return CALL(trajectories, *problem, *rule, threads, last, end, as<double>(state), as<double>(clock), unsure, lost,
                ts, times);
}

EXPORT int resource_ode_learning_times(const Problem *problem, const Rule *rule, int64_t threads, int single,
                                       void *found, uint8_t *unsure, double goal) {
    if (single) return CALL(learning_times, *problem, *rule, threads, as<float>(found), unsure, goal);
    return CALL(learning_times, *problem, *rule, threads, as<double>(found), unsure, goal);
}

EXPORT int resource_ode_levels(const double *frequency, const double *start, int64_t members, int64_t skills, int64_t times,
                        int64_t threads, int single, const void *state, void *level) {
    if (single)
        return CALL(levels_of, frequency, start, members, skills, times, threads, static_cast<const float *>(state),
                    as<float>(level));
    return CALL(levels_of, frequency, start, members, skills, times, threads, static_cast<const double *>(state),
                as<double>(level));
}

}  // extern "C"
