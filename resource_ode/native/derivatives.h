// Derivatives of a batch, a row after the other on each thread; false if memory ran out.

// The cascade of a row anew: on the panels that its solve has left, or from the beginning.
template <class Law>
const Cascade<Law> *again(Solver<Law> &solver, const Kept &panels, int64_t row, const double *level, double last,
                          double endless) {
    const double *edges = panels.edges.at(row);
    if (edges[0] > 0) return solver.on_edges(row, edges);
    const bool found = level ? solver.for_times(row, *level, solver.batch.squared) != nullptr
                             : solver.for_clocks(row, last, endless) != nullptr;
    // a graph of so many skills that its values came by windows may have no block of panels within the tolerance
    const bool fails = edges[0] == Solver<Law>::WINDOWS && !solver.enough;
    if (!found || fails) return nullptr;
    if (solver.batch.squared && solver.batch.groups > 1) solver.look_at_demand();
    return solver.settled();
}

template <class Law>
struct Differentiator {
    Solver<Law> solver;
    Backward<Law> backward;
    Forward<Law> forward;
    Differentiator(const Batch &batch, const Options &options, const Rule &rule)
        : solver(batch, options, rule), backward(solver), forward(solver) {}
};

inline Direction direction_of(const Parameters<const double> &along, int64_t row, int64_t group, int64_t clock) {
    return {along.frequency.at(row, group, clock), along.level.at(row, group, clock), along.after.at(row, group, clock),
            *along.exponent.at(row, group, clock), *along.plateau.at(row, group, clock),
            along.strength.at(row, group, clock), *along.goal.at(row, group, clock), *along.rate.at(row, group, clock),
            *along.waste.at(row, group, clock)};
}

INLINE bool any_of(const double *numbers, int64_t count) {
    return std::any_of(numbers, numbers + count, [](double x) { return x != 0; });
}

// What is lost: NaN where something was asked of it, 0 where nothing was.
constexpr double lost(bool asked) { return asked ? NAN : 0.0; }

// What is a clock's own, of one that has no solution; returns whether something was asked of it.
inline bool lose_clock(const Batch &batch, const Cotangents &to, int64_t row, int64_t group, int64_t clock) {
    const bool asked = any_of(to.found.at(row, group, clock), batch.skills * std::max<int64_t>(to.times, 1)) ||
                       (to.times && any_of(to.clock.at(row, group, clock), to.times)) ||
                       (to.times && batch.squared && any_of(to.spent.at(row, group, clock), to.times));
    *to.by.rate.at(row, group, clock) = *to.by.waste.at(row, group, clock) = lost(asked);
    if (to.times) std::fill_n(to.steps.at(row, group, clock), to.times, lost(asked));
    return asked;
}

// What is the graph's.
inline void lose_graph(const Batch &batch, const Parameters<double> &by, int64_t row, int64_t group, double value) {
    for (const auto *view : {&by.frequency, &by.level, &by.after}) std::fill_n(view->at(row, group), batch.skills, value);
    *by.exponent.at(row, group) = *by.plateau.at(row, group) = *by.goal.at(row, group) = value;
    std::fill_n(by.strength.at(row, group), batch.strengths(), value);
}

template <class Law>
bool tangents(const Batch &batch, const Options &options, const Rule &rule, const Runner &run, const Tangents &to) {
    return run(batch.rows, SHARE, [&]() -> Work {
        return [&, worker = std::make_shared<Differentiator<Law>>(batch, options, rule)](int64_t row) {
            const double *level = to.times ? nullptr : to.given.level.at(row);
            const Cascade<Law> *cascade =
                again(worker->solver, to.given.panels, row, level, *to.given.last.at(row), *to.given.endless.at(row));
            for (int64_t e = 0; e < batch.groups; e++)
                for (int64_t c = 0; c < batch.clocks; c++) {
                    const Direction along = direction_of(to.along, row, e, c);
                    const double rate = *batch.rate.at(row, e, c), waste = *batch.waste.at(row, e, c);
                    double *found = to.found.at(row, e, c), *clock = to.times ? to.clock.at(row, e, c) : nullptr;
                    double *spent = to.times && batch.squared ? to.spent.at(row, e, c) : nullptr;
                    if (!cascade || !sound_clock(rate, waste)) {
                        std::fill_n(found, batch.skills * std::max<int64_t>(to.times, 1), NAN);
                        std::fill_n(clock, to.times, NAN);
                        if (spent) std::fill_n(spent, to.times, NAN);
                        continue;
                    }
                    worker->forward.move(*cascade, along);
                    if (!to.times)
                        worker->forward.times(*level, along, rate, waste, found);
                    else
                        worker->forward.trajectory(along, rate, waste, to.given.ts.at(row, e, c), to.steps.at(row, e, c),
                                                   to.times, to.given.clock.at(row, e, c), found, clock, spent);
                }
        };
    });
}

template <class Law>
bool cotangents(const Batch &batch, const Options &options, const Rule &rule, const Runner &run, const Cotangents &to) {
    return run(batch.rows, SHARE, [&]() -> Work {
        return [&, worker = std::make_shared<Differentiator<Law>>(batch, options, rule)](int64_t row) {
            const double *level = to.times ? nullptr : to.given.level.at(row);
            const Cascade<Law> *cascade =
                again(worker->solver, to.given.panels, row, level, *to.given.last.at(row), *to.given.endless.at(row));
            for (int64_t e = 0; e < batch.groups; e++) {
                bool asked = false;
                std::vector<int64_t> &clocks = worker->backward.clocks;
                clocks.clear();
                for (int64_t c = 0; c < batch.clocks; c++) {
                    if (cascade && sound_clock(*batch.rate.at(row, e, c), *batch.waste.at(row, e, c)))
                        clocks.push_back(c);
                    else
                        asked = lose_clock(batch, to, row, e, c) || asked;
                }
                if (!clocks.empty() && !to.times)
                    worker->backward.times(*cascade, *level, row, e, to.found, to.by);
                else if (!clocks.empty())
                    worker->backward.trajectory(*cascade, row, e, to);
                if (asked || clocks.empty()) lose_graph(batch, to.by, row, e, lost(asked));
            }
        };
    });
}
