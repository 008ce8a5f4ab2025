// The cascade as compiled loops: full trajectories, learning times and levels of many graphs on all cores.
//
// Everything that computes is compiled once per kind of processor, and the best kind that is there is taken when it runs.

#include "kinds.h"

#include <atomic>
#include <type_traits>

namespace {

// In the order of `library.PROCESSORS`.
enum Kind : int64_t { NONE = -1, PLAIN, AVX2, AVX512 };

// Tests try kinds that are not the best.
std::atomic<int64_t> best_allowed{AVX512};

// What loops there are for the processor at hand.
int64_t kind_here() {
#if defined(HAS_PLAIN)
    constexpr int64_t least = PLAIN;
#else
    constexpr int64_t least = NONE;
#endif
#if defined(HAS_KINDS)
    static const int64_t best = [] {
        if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx2")) return least;
        const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vl");
        return wide ? int64_t{AVX512} : int64_t{AVX2};
    }();
    return std::min<int64_t>(best, std::max<int64_t>(best_allowed, least == PLAIN ? PLAIN : AVX2));
#else
    return least;
#endif
}

const Kernels &here() {
#if defined(HAS_KINDS)
    const int64_t kind = kind_here();
    if (kind == AVX512) return avx512_kernels;
#if defined(HAS_PLAIN)
    if (kind == PLAIN) return plain_kernels;
#endif
    return avx2_kernels;
#else
    return plain_kernels;
#endif
}

// The calls of the kind that is the best when they are called.
template <auto Call>
struct OfThisKind;
template <class... Given, bool (*Kernels::*Call)(Given...)>
struct OfThisKind<Call> {
    static bool call(Given... given) { return (here().*Call)(given...); }
};

#define OF_THIS_KIND(name) OfThisKind<&Kernels::name>::call
const Kernels KERNELS = {INTERFACE,
                         OF_THIS_KIND(trajectories32),
                         OF_THIS_KIND(trajectories64),
                         OF_THIS_KIND(times32),
                         OF_THIS_KIND(times64),
                         OF_THIS_KIND(tangents),
                         OF_THIS_KIND(cotangents),
                         OF_THIS_KIND(spent),
                         OF_THIS_KIND(loads),
                         OF_THIS_KIND(trajectories_in_pieces32),
                         OF_THIS_KIND(trajectories_in_pieces64),
                         OF_THIS_KIND(times_in_pieces32),
                         OF_THIS_KIND(times_in_pieces64),
                         OF_THIS_KIND(measures),
                         OF_THIS_KIND(levels32),
                         OF_THIS_KIND(levels64)};
#undef OF_THIS_KIND

}  // namespace

// What Python calls on whole arrays, as `native/__init__.py` lays them out. `single` says that results are float32; what
// is solved is always float64.
struct Problem {
    int64_t rows, skills, fan_in, exponents, clocks, single, cross_entropy, squared, paced, slow, soft, threads;
    const int32_t *prerequisites, *depth;
    const uint8_t *required, *either, *present;
    const double *frequency, *level, *after, *plateau, *strength, *exponent, *all_exponents, *learning_rate, *waste, *tolerance;
};

namespace {

Batch batch_of(const Problem &problem) {
    const int64_t rows = problem.rows, groups = problem.exponents, clocks = problem.clocks, skills = problem.skills;
    const auto of_row = [&](auto *data, int64_t each) {
        return View<std::remove_pointer_t<decltype(data)>>::whole(data, each, rows, groups, clocks, false, false);
    };
    Batch batch{};
    batch.rows = rows, batch.groups = groups, batch.clocks = clocks, batch.skills = skills;
    batch.fan_in = problem.fan_in, batch.cross_entropy = problem.cross_entropy != 0;
    batch.squared = problem.squared != 0, batch.paced = problem.paced != 0;
    batch.slow = problem.slow != 0, batch.soft = problem.soft != 0;
    batch.prerequisites = of_row(problem.prerequisites, skills * problem.fan_in);
    batch.required = of_row(problem.required, skills * problem.fan_in);
    batch.depth = of_row(problem.depth, skills);
    batch.either = of_row(problem.either, skills), batch.present = of_row(problem.present, skills);
    batch.frequency = of_row(problem.frequency, skills), batch.level = of_row(problem.level, skills);
    batch.plateau = of_row(problem.plateau, 1), batch.strength = of_row(problem.strength, skills * problem.fan_in);
    batch.after = of_row(problem.after, skills), batch.solved = of_row(problem.exponent, 1);
    batch.exponent = View<const double>::whole(problem.all_exponents, 1, rows, groups, clocks, true, false);
    batch.rate = View<const double>::whole(problem.learning_rate, 1, rows, groups, clocks);
    batch.waste = View<const double>::whole(problem.waste, 1, rows, groups, clocks);
    batch.tolerance = of_row(problem.tolerance, 0);
    return batch;
}

// Results of one number per row.
template <class T>
View<T> rows_of(const Problem &problem, T *data) {
    return View<T>::whole(data, 1, problem.rows, problem.exponents, problem.clocks, false, false);
}

template <class T>
View<T> groups_of(const Problem &problem, T *data) {
    return View<T>::whole(data, 1, problem.rows, problem.exponents, problem.clocks, true, false);
}

template <class T>
View<T> members_of(const Problem &problem, T *data, int64_t each) {
    return View<T>::whole(data, each, problem.rows, problem.exponents, problem.clocks);
}

template <class Out>
bool run_trajectories(const Problem &problem, const Options &options, const Rule &rule, const double *last,
                      const double *endless, const double *ts, int64_t count, void *state, void *clock, void *spent,
                      int32_t *code, double *error) {
    const int64_t each = count * problem.skills;
    const Trajectories<Out> to{View<const double>::whole(ts, 0, problem.rows, problem.exponents, problem.clocks, false, false),
                               count,
                               rows_of(problem, const_cast<double *>(last)),
                               rows_of(problem, const_cast<double *>(endless)),
                               members_of(problem, static_cast<Out *>(state), each),
                               members_of(problem, static_cast<Out *>(clock), count),
                               members_of(problem, static_cast<Out *>(spent), count),
                               members_of(problem, code, 1),
                               groups_of(problem, error),
                               {}};
    const Runner run = on_own_threads(problem.threads);
    if constexpr (std::is_same_v<Out, float>) return here().trajectories32(batch_of(problem), options, rule, run, to);
    else return here().trajectories64(batch_of(problem), options, rule, run, to);
}

template <class Out>
bool run_times(const Problem &problem, const Options &options, const Rule &rule, const double *level, void *found,
               int32_t *code, double *error) {
    const Times<Out> to{View<const double>::whole(level, 0, problem.rows, problem.exponents, problem.clocks, false, false),
                        members_of(problem, static_cast<Out *>(found), problem.skills),
                        members_of(problem, code, 1),
                        groups_of(problem, error),
                        {}};
    const Runner run = on_own_threads(problem.threads);
    if constexpr (std::is_same_v<Out, float>) return here().times32(batch_of(problem), options, rule, run, to);
    else return here().times64(batch_of(problem), options, rule, run, to);
}

}  // namespace

#define EXPORT __attribute__((visibility("default")))

extern "C" {

// Sizes of the structures that Python lays out, and of the rules: a library with others is not used.
EXPORT const Kernels *resource_ode_kernels() { return &KERNELS; }
EXPORT int64_t resource_ode_interface(int64_t nodes, int64_t coarse_nodes, int64_t newton_steps, int64_t lanes,
                                      int64_t problem, int64_t options, int64_t rule, int64_t constants) {
    const bool same = nodes == NODES && coarse_nodes == COARSE_NODES &&
                      newton_steps == NEWTON_STEPS && lanes == MOST_LANES && problem == sizeof(Problem) &&
                      options == sizeof(Options) && rule == sizeof(Rule) && constants == sizeof(Constants);
    return same ? INTERFACE : -1;
}

// The kind of processor that is computed for, or -1 if there are no loops for it; from now on none above `most`, if that is
// one.
EXPORT int64_t resource_ode_processor(int64_t most) {
    if (most >= 0) best_allowed = most;
    return kind_here();
}

EXPORT int resource_ode_trajectories(const Problem *problem, const Options *options, const Rule *rule,
                                     const double *last, const double *endless, const double *ts, int64_t times,
                                     void *state, void *clock, void *spent, int32_t *code, double *error) {
    const auto run = problem->single ? run_trajectories<float> : run_trajectories<double>;
    return run(*problem, *options, *rule, last, endless, ts, times, state, clock, spent, code, error);
}

EXPORT int resource_ode_learning_times(const Problem *problem, const Options *options, const Rule *rule,
                                       const double *level, void *found, int32_t *code, double *error) {
    const auto run = problem->single ? run_times<float> : run_times<double>;
    return run(*problem, *options, *rule, level, found, code, error);
}

// `levels` are those of `Measures`; a result that is not wanted is null.
EXPORT int resource_ode_measures(const Problem *problem, const Options *options, const Rule *rule, const double *levels,
                                 int64_t, double *horizon, double *efficiency, double *overlap, int32_t *code,
                                 double *error) {
    const Measures to{View<const double>::whole(levels, 0, problem->rows, problem->exponents, problem->clocks, false, false),
                      members_of(*problem, horizon, 1),
                      members_of(*problem, efficiency, 1),
                      members_of(*problem, overlap, 1),
                      members_of(*problem, code, 1),
                      groups_of(*problem, error)};
    const Runner run = on_own_threads(problem->threads);
    return here().measures(batch_of(*problem), *options, *rule, run, to);
}

// `level` is that of `Spent`.
EXPORT int resource_ode_spent(const Problem *problem, const Options *options, const Rule *rule, const double *level,
                              int64_t, double *clock, double *learned, double *demand, double *squares, double *error) {
    const Spent to{View<const double>::whole(level, 0, problem->rows, problem->exponents, problem->clocks, false, false),
                   rows_of(*problem, clock),
                   rows_of(*problem, learned),
                   rows_of(*problem, demand),
                   rows_of(*problem, squares),
                   rows_of(*problem, error)};
    return here().spent(batch_of(*problem), *options, *rule, on_own_threads(problem->threads), to);
}

// `after` is null if no skill is self-paced; `start` are efforts.
EXPORT int resource_ode_levels(const double *frequency, const double *start, const double *after, int64_t members,
                               int64_t skills, int64_t times, int64_t threads, int cross_entropy, int single,
                               const void *state, void *level) {
    const Runner run = on_own_threads(threads);
    if (single)
        return here().levels32(cross_entropy != 0, frequency, start, after, members, skills, times, run,
                               static_cast<const float *>(state), static_cast<float *>(level));
    return here().levels64(cross_entropy != 0, frequency, start, after, members, skills, times, run,
                           static_cast<const double *>(state), static_cast<double *>(level));
}

}  // extern "C"
