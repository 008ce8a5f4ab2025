// Everything that computes, for one kind of processor; included in a namespace without a name by the source of each.

#include "vectors.h"
#include "laws.h"
#include "graph.h"
#include "edges.h"
#include "polynomial.h"
#include "kinks.h"
#include "since.h"
#include "openings.h"
#include "cascade.h"
#include "cascade_errors.h"
#include "errors.h"
#include "solver.h"
#include "table.h"
#include "clock.h"
#include "times.h"
#include "windows.h"
#include "large.h"
#include "calls.h"
#include "path.h"
#include "pieces.h"
#include "measures.h"
#include "loads.h"
#include "squared.h"
#include "adjoint.h"
#include "backward.h"
#include "forward.h"
#include "derivatives.h"

template <class Out>
bool any_trajectories(const Batch &batch, const Options &options, const Rule &rule, const Runner &run,
                      const Trajectories<Out> &to) {
    const auto call = batch.cross_entropy ? trajectories<CrossEntropy, Out>
                      : batch.slow        ? trajectories<SlowStart, Out>
                                          : trajectories<MeanSquaredError, Out>;
    return call(batch, options, rule, run, to);
}

template <class Out>
bool any_times(const Batch &batch, const Options &options, const Rule &rule, const Runner &run, const Times<Out> &to) {
    const auto call = batch.cross_entropy ? learning_times<CrossEntropy, Out>
                      : batch.slow        ? learning_times<SlowStart, Out>
                                          : learning_times<MeanSquaredError, Out>;
    return call(batch, options, rule, run, to);
}

template <class Out>
bool any_trajectories_in_pieces(const Batch &batch, const Options &options, const Rule &rule, const Runner &run,
                                const Trajectories<Out> &to, const Pieced &pieced) {
    const auto call = batch.cross_entropy ? trajectories_in_pieces<CrossEntropy, Out>
                      : batch.slow        ? trajectories_in_pieces<SlowStart, Out>
                                          : trajectories_in_pieces<MeanSquaredError, Out>;
    return call(batch, options, rule, run, to, pieced);
}

template <class Out>
bool any_times_in_pieces(const Batch &batch, const Options &options, const Rule &rule, const Runner &run,
                         const Times<Out> &to, const Pieced &pieced) {
    const auto call = batch.cross_entropy ? times_in_pieces<CrossEntropy, Out>
                      : batch.slow        ? times_in_pieces<SlowStart, Out>
                                          : times_in_pieces<MeanSquaredError, Out>;
    return call(batch, options, rule, run, to, pieced);
}

inline bool any_tangents(const Batch &batch, const Options &options, const Rule &rule, const Runner &run,
                         const Tangents &to) {
    const auto call = batch.cross_entropy ? tangents<CrossEntropy>
                      : batch.slow        ? tangents<SlowStart>
                                          : tangents<MeanSquaredError>;
    return call(batch, options, rule, run, to);
}

inline bool any_cotangents(const Batch &batch, const Options &options, const Rule &rule, const Runner &run,
                           const Cotangents &to) {
    const auto call = batch.cross_entropy ? cotangents<CrossEntropy>
                      : batch.slow        ? cotangents<SlowStart>
                                          : cotangents<MeanSquaredError>;
    return call(batch, options, rule, run, to);
}

inline bool any_measures(const Batch &batch, const Options &options, const Rule &rule, const Runner &run,
                         const Measures &to) {
    const auto call = batch.cross_entropy ? measures<CrossEntropy>
                      : batch.slow        ? measures<SlowStart>
                                          : measures<MeanSquaredError>;
    return call(batch, options, rule, run, to);
}

inline bool any_spent(const Batch &batch, const Options &options, const Rule &rule, const Runner &run, const Spent &to) {
    const auto call = batch.cross_entropy ? spent<CrossEntropy>
                      : batch.slow        ? spent<SlowStart>
                                          : spent<MeanSquaredError>;
    return call(batch, options, rule, run, to);
}

inline bool any_loads(const Batch &batch, const Runner &run, const Loads &to) {
    const auto call = batch.cross_entropy ? loads<CrossEntropy>
                      : batch.slow        ? loads<SlowStart>
                                          : loads<MeanSquaredError>;
    return call(batch, run, to);
}

template <class Out>
bool any_levels(bool cross_entropy, const double *frequency, const double *start, const double *after, int64_t members,
                int64_t skills, int64_t times, const Runner &run, const Out *states, Out *to) {
    const auto call = cross_entropy ? levels<CrossEntropy, Out> : levels<MeanSquaredError, Out>;
    return call({frequency, start, after}, members, skills, times, run, states, to);
}

constexpr Kernels KERNELS = {INTERFACE,
                             any_trajectories<float>,
                             any_trajectories<double>,
                             any_times<float>,
                             any_times<double>,
                             any_tangents,
                             any_cotangents,
                             any_spent,
                             any_loads,
                             any_trajectories_in_pieces<float>,
                             any_trajectories_in_pieces<double>,
                             any_times_in_pieces<float>,
                             any_times_in_pieces<double>,
                             any_measures,
                             any_levels<float>,
                             any_levels<double>};
