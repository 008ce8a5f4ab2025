// What the compiled loops can do, for the processor at hand: a table of calls, so that other libraries need not be built
// with them. All return false if memory ran out.
#pragma once

#include "batch.h"
#include "runner.h"

// of this table and the structures that its calls take; that of `library.py`
constexpr int64_t INTERFACE = 21;

struct Kernels {
    int64_t interface;
    bool (*trajectories32)(const Batch &, const Options &, const Rule &, const Runner &, const Trajectories<float> &);
    bool (*trajectories64)(const Batch &, const Options &, const Rule &, const Runner &, const Trajectories<double> &);
    bool (*times32)(const Batch &, const Options &, const Rule &, const Runner &, const Times<float> &);
    bool (*times64)(const Batch &, const Options &, const Rule &, const Runner &, const Times<double> &);
    bool (*tangents)(const Batch &, const Options &, const Rule &, const Runner &, const Tangents &);
    bool (*cotangents)(const Batch &, const Options &, const Rule &, const Runner &, const Cotangents &);
    bool (*spent)(const Batch &, const Options &, const Rule &, const Runner &, const Spent &);
    bool (*loads)(const Batch &, const Runner &, const Loads &);
    bool (*trajectories_in_pieces32)(const Batch &, const Options &, const Rule &, const Runner &, const Trajectories<float> &,
                                     const Pieced &);
    bool (*trajectories_in_pieces64)(const Batch &, const Options &, const Rule &, const Runner &,
                                     const Trajectories<double> &, const Pieced &);
    bool (*times_in_pieces32)(const Batch &, const Options &, const Rule &, const Runner &, const Times<float> &,
                              const Pieced &);
    bool (*times_in_pieces64)(const Batch &, const Options &, const Rule &, const Runner &, const Times<double> &,
                              const Pieced &);
    bool (*measures)(const Batch &, const Options &, const Rule &, const Runner &, const Measures &);
    // loss; frequencies, efforts at the start, frequencies from level 1/2 on; members, skills, times; exposures to levels
    bool (*levels32)(bool, const double *, const double *, const double *, int64_t, int64_t, int64_t, const Runner &,
                     const float *, float *);
    bool (*levels64)(bool, const double *, const double *, const double *, int64_t, int64_t, int64_t, const Runner &,
                     const double *, double *);
};
