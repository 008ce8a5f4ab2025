// The compiled loops as custom calls of XLA on a CPU (typed FFI): what `calls.py` binds.
//
// Arguments of every call, in this order: the graph's (prerequisites, depth, required, either, present, frequency,
// level, after, exponent, tolerance, plateau, strength), the goal (a level, for learning times), the clock's (rate, waste), and training
// steps; then what the call itself has.

#include "operands.h"

#include <algorithm>
#include <cmath>

namespace {

const Kernels *kernels = nullptr;
const Rule *rule = nullptr;

enum : size_t {
    PREREQUISITES, DEPTH, REQUIRED, EITHER, PRESENT, FREQUENCY, LEVEL, AFTER, EXPONENT, TOLERANCE, PLATEAU, STRENGTH,
    GOAL, RATE, WASTE, STEPS, MORE
};
// axes of each beside the leading ones
constexpr int64_t OWN[] = {2, 1, 2, 1, 1, 1, 1, 1, 0, 0, 0, 2, 0, 0, 0, 1};

Runner on_threads_of(ffi::ThreadPool &pool) {
    return on_pool(std::max<int64_t>(pool.num_threads(), 1), [&pool](auto task) { pool.Schedule(std::move(task)); });
}

// With `pieced` rate and waste have an axis of pieces.
Batch batch_of(Call &call, const std::vector<int64_t> &more, bool pieced = false) {
    for (size_t k = 0; k < MORE; k++) call.spread(k, pieced && (k == RATE || k == WASTE) ? 1 : OWN[k], k < RATE);
    for (size_t k = 0; k < more.size(); k++) call.spread(MORE + k, more[k], false);
    Batch batch{};
    batch.skills = call.argument(FREQUENCY).dimensions().back();
    batch.fan_in = call.argument(PREREQUISITES).dimensions().back();
    batch.cross_entropy = call.number("cross_entropy") != 0;
    batch.squared = call.number("squared") != 0;
    batch.paced = call.number("paced") != 0;
    batch.slow = call.number("slow") != 0, batch.soft = call.number("soft") != 0;
    batch.standing = call.real("standing");
    return batch;
}

void lay_out(Call &call, Batch &batch, int64_t pieces = 1) {
    const Axes &axes = call.axes;
    batch.rows = axes.number(axes.of_rows), batch.groups = axes.number(axes.of_groups);
    batch.clocks = axes.number(axes.of_clocks);
    const int64_t skills = batch.skills, edges = skills * batch.fan_in;
    batch.prerequisites = call.whole<int32_t>(PREREQUISITES, edges), batch.depth = call.whole<int32_t>(DEPTH, skills);
    batch.required = call.whole<uint8_t>(REQUIRED, edges), batch.either = call.whole<uint8_t>(EITHER, skills);
    batch.present = call.whole<uint8_t>(PRESENT, skills);
    batch.frequency = call.numbers(FREQUENCY, skills), batch.level = call.numbers(LEVEL, skills);
    batch.after = call.numbers(AFTER, skills);
    batch.exponent = batch.solved = call.numbers(EXPONENT, 1);
    batch.tolerance = call.numbers(TOLERANCE, 1);
    batch.plateau = call.numbers(PLATEAU, 1);
    batch.strength = call.numbers(STRENGTH, batch.strengths());
    batch.rate = call.numbers(RATE, pieces), batch.waste = call.numbers(WASTE, pieces);
}

Options options_of(const Call &call) {
    return {call.number("coarse_panels"), call.number("panels"), call.number("most_panels"), call.number("attempts"),
            call.real("made_for"), call.real("end_effort")};
}

ffi::Error done(bool succeeded) {
    return succeeded ? ffi::Error::Success()
                     : ffi::Error(ffi::ErrorCode::kResourceExhausted, "not enough memory for the buffers of the solver");
}

// Residual edges go through as words, since there need not be a type of 64 bits.
Kept edges_of(const Call &call, const ffi::AnyBuffer &buffer) {
    const int64_t kept = buffer.dimensions().back() / 2 - 1;
    return {call.axes.view(static_cast<double *>(buffer.untyped_data()), buffer.dimensions(), kept + 1), kept};
}

// A solve, and a tangent: all axes beside those of rows are clocks.
void begin(Call &call, Batch &batch, const std::vector<int64_t> &more) {
    batch = batch_of(call, more);
    const std::vector<int64_t> together(call.axes.lengths.size(), 1);
    call.sort_axes(ffi::Span<const int64_t>(together.data(), together.size()));
    lay_out(call, batch);
}

bool single(const Call &call) { return call.result(0).element_type() == ffi::F32; }

template <class Out>
bool times(const Runner &run, Call &call, const Batch &batch,
           bool (*solve)(const Batch &, const Options &, const Rule &, const Runner &, const Times<Out> &)) {
    const Times<Out> to{call.numbers(GOAL, 1), call.to<Out>(0, batch.skills), call.to<int32_t>(1, 1),
                        call.numbers_to(2, 1), edges_of(call, call.result(3))};
    const bool succeeded = solve(batch, options_of(call), *rule, run, to);
    call.put();
    return succeeded;
}

ffi::Error times_call(ffi::ThreadPool pool, ffi::RemainingArgs arguments, ffi::RemainingRets results,
                      ffi::Dictionary attributes) {
    Call call(arguments, results, attributes);
    Batch batch;
    begin(call, batch, {});
    const Runner run = on_threads_of(pool);
    return done(single(call) ? times<float>(run, call, batch, kernels->times32)
                       : times<double>(run, call, batch, kernels->times64));
}

// Bounds in resource time of the clocks of each row, as `native.trajectories` has them.
struct Bounds {
    const Batch &batch;
    std::vector<double> last, endless;

    View<double> by_row(std::vector<double> &values) const {
        return View<double>::whole(values.data(), 1, batch.rows, batch.groups, batch.clocks, false, false);
    }

    explicit Bounds(const Batch &batch)
        : batch(batch), last(static_cast<size_t>(batch.rows)), endless(static_cast<size_t>(batch.rows)) {}

    Bounds(const Batch &batch, const View<const double> &ts, int64_t times) : Bounds(batch) {
        for (int64_t row = 0; row < batch.rows; row++) {
            bool ends = false;
            double most = 0.0, bound = 0.0;
            for (int64_t e = 0; e < batch.groups; e++)
                for (int64_t c = 0; c < batch.clocks; c++) {
                    const double resource = *batch.rate.at(row, e, c) * ts.at(row, e, c)[times - 1];
                    const double waste = *batch.waste.at(row, e, c);
                    most = std::max(most, resource);
                    if (waste > 0) bound = std::max(bound, resource / waste);
                    ends = ends || waste <= 0;
                }
            if (ends && batch.cross_entropy) bound = INFINITY;
            last[static_cast<size_t>(row)] = bound;
            endless[static_cast<size_t>(row)] = ends || batch.cross_entropy ? most : 0.0;
        }
    }
};

// Where the rows of a batch go.
template <class Out>
Trajectories<Out> rows_to(Call &call, const Batch &batch, Bounds &bounds, const View<const double> &ts, int64_t times) {
    return {ts,
            times,
            bounds.by_row(bounds.last),
            bounds.by_row(bounds.endless),
            call.to<Out>(0, times * batch.skills),
            call.to<Out>(1, times),
            call.to<Out>(2, times),
            call.to<int32_t>(3, 1),
            call.numbers_to(4, 1),
            edges_of(call, call.result(5))};
}

template <class Out>
bool trajectories(const Runner &run, Call &call, const Batch &batch,
                  bool (*solve)(const Batch &, const Options &, const Rule &, const Runner &, const Trajectories<Out> &)) {
    const int64_t times = call.argument(STEPS).dimensions().back();
    const View<const double> ts = call.numbers(STEPS, times);
    Bounds bounds(batch, ts, times);
    const Trajectories<Out> to = rows_to<Out>(call, batch, bounds, ts, times);
    const bool succeeded = solve(batch, options_of(call), *rule, run, to);
    call.put();
    return succeeded;
}

ffi::Error trajectories_call(ffi::ThreadPool pool, ffi::RemainingArgs arguments, ffi::RemainingRets results,
                             ffi::Dictionary attributes) {
    Call call(arguments, results, attributes);
    Batch batch;
    begin(call, batch, {});
    const Runner run = on_threads_of(pool);
    return done(single(call) ? trajectories<float>(run, call, batch, kernels->trajectories32)
                       : trajectories<double>(run, call, batch, kernels->trajectories64));
}

// -- clocks in pieces: behind the arguments of a solve come the training steps at which they start

Pieced begin_in_pieces(Call &call, Batch &batch, int64_t pieces) {
    batch = batch_of(call, {1}, true);
    const std::vector<int64_t> together(call.axes.lengths.size(), 1);
    call.sort_axes(ffi::Span<const int64_t>(together.data(), together.size()));
    lay_out(call, batch, pieces);
    Pieced pieced;
    pieced.pieces = pieces, pieced.rate = batch.rate, pieced.waste = batch.waste;
    pieced.start = call.numbers(MORE, pieces);
    return pieced;
}

// As `Bounds`, which it takes the place of: resource time grows in each piece by no more than what is spent there over
// its waste.
void bound_pieces(const Pieced &pieced, const View<const double> &ts, int64_t times, Bounds &bounds) {
    const Batch &batch = bounds.batch;
    for (int64_t row = 0; row < batch.rows; row++) {
        bool ends = false;
        double most = 0.0, bound = 0.0;
        for (int64_t c = 0; c < batch.clocks; c++) {
            const double *rate = pieced.rate.at(row, 0, c), *waste = pieced.waste.at(row, 0, c);
            const double *start = pieced.start.at(row, 0, c), last = ts.at(row, 0, c)[times - 1];
            double resource = 0.0, clock = 0.0;
            for (int64_t k = 0; k < pieced.pieces; k++) {
                const double end = k + 1 < pieced.pieces ? std::min(start[k + 1], last) : last;
                const double here = rate[k] * std::max(end - start[k], 0.0);
                resource += here, ends = ends || waste[k] <= 0;
                if (waste[k] > 0) clock += here / waste[k];
            }
            most = std::max(most, resource), bound = std::max(bound, clock);
        }
        bounds.last[static_cast<size_t>(row)] = ends && batch.cross_entropy ? INFINITY : bound;
        bounds.endless[static_cast<size_t>(row)] = ends || batch.cross_entropy ? most : 0.0;
    }
}

template <class Out>
bool trajectories_of_pieces(const Runner &run, Call &call, const Batch &batch, Pieced &pieced,
                            bool (*solve)(const Batch &, const Options &, const Rule &, const Runner &,
                                          const Trajectories<Out> &, const Pieced &)) {
    const int64_t times = call.argument(STEPS).dimensions().back();
    const View<const double> ts = call.numbers(STEPS, times);
    Bounds bounds(batch);
    bound_pieces(pieced, ts, times, bounds);
    const Trajectories<Out> to = rows_to<Out>(call, batch, bounds, ts, times);
    pieced.at = call.numbers_to(6, pieced.pieces), pieced.paid = call.numbers_to(7, pieced.pieces);
    const bool succeeded = solve(batch, options_of(call), *rule, run, to, pieced);
    call.put();
    return succeeded;
}

template <class Out>
bool times_of_pieces(const Runner &run, Call &call, const Batch &batch, Pieced &pieced,
                     bool (*solve)(const Batch &, const Options &, const Rule &, const Runner &, const Times<Out> &,
                                   const Pieced &)) {
    const Times<Out> to{call.numbers(GOAL, 1), call.to<Out>(0, batch.skills), call.to<int32_t>(1, 1),
                        call.numbers_to(2, 1), edges_of(call, call.result(3))};
    pieced.at = call.numbers_to(4, pieced.pieces), pieced.paid = call.numbers_to(5, pieced.pieces);
    pieced.piece = call.to<int32_t>(6, batch.skills);
    const bool succeeded = solve(batch, options_of(call), *rule, run, to, pieced);
    call.put();
    return succeeded;
}

template <bool OF_TIMES>
ffi::Error pieces_call(ffi::ThreadPool pool, ffi::RemainingArgs arguments, ffi::RemainingRets results,
                       ffi::Dictionary attributes) {
    Call call(arguments, results, attributes);
    Batch batch;
    Pieced pieced = begin_in_pieces(call, batch, call.argument(MORE).dimensions().back());
    const Runner run = on_threads_of(pool);
    if (OF_TIMES)
        return done(single(call) ? times_of_pieces<float>(run, call, batch, pieced, kernels->times_in_pieces32)
                                 : times_of_pieces<double>(run, call, batch, pieced, kernels->times_in_pieces64));
    return done(single(call) ? trajectories_of_pieces<float>(run, call, batch, pieced, kernels->trajectories_in_pieces32)
                             : trajectories_of_pieces<double>(run, call, batch, pieced, kernels->trajectories_in_pieces64));
}

// -- derivatives: after the arguments of a solve its edges and what it has found (times, or resource time), then tangents
// of frequency, level, after, exponent, plateau, strength, goal, rate, waste and training steps, or cotangents of the
// results

constexpr size_t EDGES = MORE, FOUND = MORE + 1, OWN_FIRST = MORE + 2;
constexpr int64_t EACH[] = {1, 1, 1, 0, 0, 2, 0, 0, 0, 1};
enum : size_t { BY_PLATEAU = 4, BY_STRENGTH, BY_GOAL, BY_RATE, BY_WASTE, BY_STEPS };

// The axes behind the leading ones of all that comes after the arguments of a solve.
std::vector<int64_t> axes_behind(const std::vector<int64_t> &own) {
    std::vector<int64_t> all{1, 1};
    all.insert(all.end(), own.begin(), own.end());
    return all;
}

Given given_of(Call &call, int64_t times, Bounds &bounds, const View<const double> &ts) {
    return {call.numbers(GOAL, 1),       ts,
            times ? call.numbers(FOUND, times) : ts, bounds.by_row(bounds.last),
            bounds.by_row(bounds.endless), edges_of(call, call.argument(EDGES))};
}

template <bool OF_TIMES>
ffi::Error tangent_call(ffi::ThreadPool pool, ffi::RemainingArgs arguments, ffi::RemainingRets results,
                        ffi::Dictionary attributes) {
    Call call(arguments, results, attributes);
    Batch batch;
    begin(call, batch, axes_behind({std::begin(EACH), std::end(EACH)}));
    const int64_t steps = call.argument(STEPS).dimensions().back(), times = OF_TIMES ? 0 : steps, skills = batch.skills;
    const View<const double> ts = call.numbers(STEPS, steps);
    Bounds bounds(batch, ts, steps);
    const auto along = [&](size_t k, int64_t each) { return call.numbers(OWN_FIRST + k, each); };
    const Tangents to{given_of(call, times, bounds, ts),
                      times,
                      {along(0, skills), along(1, skills), along(2, skills), along(3, 1), along(BY_PLATEAU, 1),
                       along(BY_STRENGTH, batch.strengths()), along(BY_GOAL, 1), along(BY_RATE, 1), along(BY_WASTE, 1)},
                      along(BY_STEPS, steps),
                      call.numbers_to(0, skills * std::max<int64_t>(times, 1)),
                      OF_TIMES ? View<double>() : call.numbers_to(1, times),
                      OF_TIMES || !batch.squared ? View<double>() : call.numbers_to(2, times)};
    const bool succeeded = kernels->tangents(batch, options_of(call), *rule, on_threads_of(pool), to);
    call.put();
    return done(succeeded);
}

template <bool OF_TIMES>
ffi::Error cotangent_call(ffi::ThreadPool pool, ffi::RemainingArgs arguments, ffi::RemainingRets results,
                          ffi::Dictionary attributes) {
    Call call(arguments, results, attributes);
    // of "l2" what has been spent is a result as well
    std::vector<int64_t> own = OF_TIMES ? std::vector<int64_t>{1} : std::vector<int64_t>{2, 1};
    if (!OF_TIMES && call.number("squared") != 0) own.push_back(1);
    Batch batch = batch_of(call, axes_behind(own));
    call.sort_axes(call.numbers_named("together"));
    lay_out(call, batch);
    const int64_t steps = call.argument(STEPS).dimensions().back(), times = OF_TIMES ? 0 : steps, skills = batch.skills;
    const View<const double> ts = call.numbers(STEPS, steps);
    Bounds bounds(batch, ts, steps);
    const Cotangents to{given_of(call, times, bounds, ts),
                        times,
                        call.numbers(OWN_FIRST, skills * std::max<int64_t>(times, 1)),
                        OF_TIMES ? View<const double>() : call.numbers(OWN_FIRST + 1, times),
                        {call.numbers_to(0, skills), call.numbers_to(1, skills), call.numbers_to(2, skills),
                         call.numbers_to(3, 1), call.numbers_to(BY_PLATEAU, 1),
                         call.numbers_to(BY_STRENGTH, batch.strengths()), call.numbers_to(BY_GOAL, 1),
                         call.numbers_to(BY_RATE, 1), call.numbers_to(BY_WASTE, 1)},
                        call.numbers_to(BY_STEPS, steps),
                        own.size() < 3 ? View<const double>() : call.numbers(OWN_FIRST + 2, times)};
    if (OF_TIMES) std::fill_n(to.steps.data, call.result(BY_STEPS).element_count(), 0.0);
    const bool succeeded = kernels->cotangents(batch, options_of(call), *rule, on_threads_of(pool), to);
    call.put();
    return done(succeeded);
}

ffi::Error spent_call(ffi::ThreadPool pool, ffi::RemainingArgs arguments, ffi::RemainingRets results,
                      ffi::Dictionary attributes) {
    Call call(arguments, results, attributes);
    Batch batch;
    begin(call, batch, {});
    const Spent to{call.numbers(GOAL, 1),  call.numbers_to(0, 1), call.numbers_to(1, 1),
                   call.numbers_to(2, 1), call.numbers_to(3, 1), call.numbers_to(4, 1)};
    const bool succeeded = kernels->spent(batch, options_of(call), *rule, on_threads_of(pool), to);
    call.put();
    return done(succeeded);
}

// The exposures of a run come last.
ffi::Error loads_call(ffi::ThreadPool pool, ffi::RemainingArgs arguments, ffi::RemainingRets results,
                      ffi::Dictionary attributes) {
    Call call(arguments, results, attributes);
    Batch batch;
    begin(call, batch, {2});
    const int64_t times = call.argument(MORE).dimensions()[call.argument(MORE).dimensions().size() - 2];
    const Loads to{call.numbers(MORE, times * batch.skills), times,
                   call.numbers_to(0, times),                call.numbers_to(1, times),
                   call.numbers_to(2, times),                call.numbers_to(3, times),
                   call.numbers_to(4, times),                call.numbers_to(5, times)};
    const bool succeeded = kernels->loads(batch, on_threads_of(pool), to);
    call.put();
    return done(succeeded);
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))
#define HANDLER(name, call)                                                                                     \
    EXPORT XLA_FFI_Error *name(XLA_FFI_CallFrame *frame) {                                                       \
        static auto *handler =                                                                                   \
            ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().RemainingArgs().RemainingRets().Attrs().To(call).release();  \
        return handler->Call(frame);                                                                             \
    }

// The table of the loops and the rules that they are to use, which stay where they are; false if it is another version's,
// or if the operands of a call have other axes.
EXPORT int resource_ode_handlers(const Kernels *table, const Rule *rules, int64_t interface, const int64_t *axes,
                                 int64_t operands) {
    if (table->interface != interface || !std::equal(axes, axes + operands, std::begin(OWN), std::end(OWN))) return 0;
    kernels = table, rule = rules;
    return 1;
}

HANDLER(resource_ode_times, times_call)
HANDLER(resource_ode_trajectories, trajectories_call)
HANDLER(resource_ode_times_in_pieces, pieces_call<true>)
HANDLER(resource_ode_trajectories_in_pieces, pieces_call<false>)
HANDLER(resource_ode_times_tangent, tangent_call<true>)
HANDLER(resource_ode_trajectories_tangent, tangent_call<false>)
HANDLER(resource_ode_times_cotangent, cotangent_call<true>)
HANDLER(resource_ode_trajectories_cotangent, cotangent_call<false>)
HANDLER(resource_ode_spent, spent_call)
HANDLER(resource_ode_loads, loads_call)
