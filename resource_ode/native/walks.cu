// The walk as custom calls of XLA on a GPU, a thread a graph; and, compiled as C++, on a CPU, where tests hold it to the
// loops: then only the launch is untested.
//
// Arguments of both calls, rows one after the other: prerequisites, depth, required, present, frequency, level, exponent,
// tolerance, then levels to reach (row,) or training steps (time,), and rate and waste (row, clock). Results: learning
// times, or exposures and resource time; codes (row, clock), errors (row,), and room for the numbers of rows.

#include "batch.h"
#include "processor.h"

#include "xla/ffi/api/ffi.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace single {
typedef float Real;
#include "walked_kind.h"
}  // namespace single
namespace twice {
typedef double Real;
#include "walked_kind.h"
}  // namespace twice

namespace ffi = xla::ffi;

namespace {

single::Rule single_rule;
twice::Rule twice_rule;
Constants constants;

#if defined(__CUDACC__)
typedef cudaStream_t Stream;
constexpr int THREADS = 128, MORE_BLOCKS = 1024;

template <class Solve>
__global__ void __launch_bounds__(THREADS) first_of(const __grid_constant__ Solve solve) {
    const int64_t row = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
    if (row < solve.given.rows) solve.first(row);
}

template <class Solve>
__global__ void __launch_bounds__(THREADS) more_of(const __grid_constant__ Solve solve) {
    for (int k = blockIdx.x * THREADS + threadIdx.x; k < solve.out.left[0]; k += gridDim.x * THREADS)
        solve.more(solve.out.left[1 + k]);
}

template <class Solve>
ffi::Error launch(const Solve &solve, Stream stream) {
    const auto blocks = static_cast<unsigned>((solve.given.rows + THREADS - 1) / THREADS);
    cudaError_t status = cudaMemsetAsync(solve.out.left, 0, sizeof(int32_t), stream);
    if (blocks && status == cudaSuccess) {
        first_of<<<blocks, THREADS, 0, stream>>>(solve);
        more_of<<<std::min<unsigned>(blocks, MORE_BLOCKS), THREADS, 0, stream>>>(solve);
        status = cudaGetLastError();
    }
    if (status == cudaSuccess) return ffi::Error::Success();
    return ffi::Error(ffi::ErrorCode::kInternal, cudaGetErrorString(status));
}
#else
typedef void *Stream;

template <class Solve>
ffi::Error launch(const Solve &solve, Stream) {
    solve.out.left[0] = 0;
    for (int64_t row = 0; row < solve.given.rows; row++) solve.first(row);
    for (int64_t k = 0; k < solve.out.left[0]; k++) solve.more(solve.out.left[1 + k]);
    return ffi::Error::Success();
}
#endif

enum : size_t { PREREQUISITES, DEPTH, REQUIRED, PRESENT, FREQUENCY, LEVEL, EXPONENT, TOLERANCE, GOAL, RATE, WASTE };

struct Call {
    Stream stream;
    ffi::RemainingArgs arguments;
    ffi::RemainingRets results;
    ffi::Dictionary attributes;

    ffi::AnyBuffer argument(size_t k) const { return *arguments.get<ffi::AnyBuffer>(k); }
    template <class T>
    const T *from(size_t k) const { return static_cast<const T *>(argument(k).untyped_data()); }
    template <class T>
    T *to(size_t k) const { return static_cast<T *>((**results.get<ffi::AnyBuffer>(k)).untyped_data()); }
    int number(std::string_view name) const { return static_cast<int>(*attributes.get<int64_t>(name)); }
    double real(std::string_view name) const { return *attributes.get<double>(name); }
};

template <class Given, class Rule, class Real>
Given given_of(const Call &call, const Rule &rule, const Real *) {
    const auto graphs = call.argument(PREREQUISITES).dimensions();
    return {call.from<int32_t>(PREREQUISITES), call.from<int32_t>(DEPTH), call.from<uint8_t>(REQUIRED),
            call.from<uint8_t>(PRESENT), call.from<Real>(FREQUENCY), call.from<Real>(LEVEL), call.from<Real>(EXPONENT),
            call.from<Real>(TOLERANCE), call.from<Real>(RATE), call.from<Real>(WASTE), graphs[0],
            static_cast<int>(graphs[1]), static_cast<int>(graphs[2]),
            static_cast<int>(call.argument(RATE).dimensions()[1]),
            call.number("panels"), call.number("coarse_panels"), call.number("most_panels"), call.number("attempts"),
            call.real("made_for"), constants, rule};
}

// With room for as many skills as there are.
#define WITH_ROOM(kind, solve)                                                                                  \
    (skills <= 16 ? solve<kind::MeanSquaredError, 16>(call) : skills <= 32 ? solve<kind::MeanSquaredError, 32>(call) \
     : skills <= 64 ? solve<kind::MeanSquaredError, 64>(call) : solve<kind::MeanSquaredError, 256>(call))

#define SOLVES(kind, Number)                                                                                    \
    template <class Law, int ROOM>                                                                               \
    ffi::Error kind##_times(const Call &call) {                                                                  \
        kind::TimesSolve<Law, ROOM> solve{};                                                                     \
        solve.given = given_of<kind::Given>(call, kind##_rule, static_cast<const Number *>(nullptr));            \
        solve.out = {call.to<int32_t>(1), call.to<Number>(2), call.to<int32_t>(3)};                              \
        solve.to = {call.to<Number>(0), call.from<Number>(GOAL)};                                                \
        return launch(solve, call.stream);                                                                       \
    }                                                                                                            \
    template <class Law, int ROOM>                                                                               \
    ffi::Error kind##_trajectories(const Call &call) {                                                           \
        kind::TrajectoriesSolve<Law, ROOM> solve{};                                                              \
        solve.given = given_of<kind::Given>(call, kind##_rule, static_cast<const Number *>(nullptr));            \
        solve.out = {call.to<int32_t>(2), call.to<Number>(3), call.to<int32_t>(4)};                              \
        solve.to = {call.to<Number>(0), call.to<Number>(1), call.from<Number>(GOAL),                             \
                    static_cast<int>(call.argument(GOAL).dimensions()[0])};                                      \
        solve.end_effort = static_cast<Number>(call.real("end_effort"));                                         \
        return launch(solve, call.stream);                                                                       \
    }
SOLVES(single, float)
SOLVES(twice, double)

constexpr int MOST_SKILLS = 256;

template <bool TIMES>
ffi::Error solve(Stream stream, ffi::RemainingArgs arguments, ffi::RemainingRets results, ffi::Dictionary attributes) {
    const Call call{stream, arguments, results, attributes};
    const int64_t skills = call.argument(FREQUENCY).dimensions().back();
    if (skills > MOST_SKILLS || call.number("coarse_panels") > single::MOST_COARSE)
        return ffi::Error(ffi::ErrorCode::kInvalidArgument, "too many skills, or coarse panels");
    const bool small = call.argument(FREQUENCY).element_type() == ffi::F32;
    if (TIMES) return small ? WITH_ROOM(single, single_times) : WITH_ROOM(twice, twice_times);
    return small ? WITH_ROOM(single, single_trajectories) : WITH_ROOM(twice, twice_trajectories);
}

#if !defined(__CUDACC__)
template <bool TIMES>
ffi::Error on_host(ffi::RemainingArgs arguments, ffi::RemainingRets results, ffi::Dictionary attributes) {
    return solve<TIMES>(nullptr, arguments, results, attributes);
}
#endif

template <bool TIMES>
auto bound() {
#if defined(__CUDACC__)
    return ffi::Ffi::Bind().Ctx<ffi::PlatformStream<Stream>>().RemainingArgs().RemainingRets().Attrs().To(solve<TIMES>);
#else
    return ffi::Ffi::Bind().RemainingArgs().RemainingRets().Attrs().To(on_host<TIMES>);
#endif
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

// The rules that calls are to use; how many skills a graph may have, or 0 if the numbers of nodes are another version's.
EXPORT int resource_ode_walks(const Rule *rule, int64_t nodes, int64_t coarse_nodes, int64_t newton_steps) {
    if (nodes != NODES || coarse_nodes != COARSE_NODES || newton_steps != NEWTON_STEPS) return 0;
    single_rule = single::Rule::of(*rule), twice_rule = twice::Rule::of(*rule), constants = *rule->constants;
    return MOST_SKILLS;
}

EXPORT XLA_FFI_Error *resource_ode_walked_times(XLA_FFI_CallFrame *frame) {
    static auto *handler = bound<true>().release();
    return handler->Call(frame);
}

EXPORT XLA_FFI_Error *resource_ode_walked_trajectories(XLA_FFI_CallFrame *frame) {
    static auto *handler = bound<false>().release();
    return handler->Call(frame);
}
