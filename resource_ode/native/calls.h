// What is done with a batch, a row after the other on each thread; false if memory ran out.

constexpr int64_t SHARE = 16, MEMBERS = 64;  // rows, and members of levels, that a thread takes at a time

// Whether one of the gate exponents of a row is solved well enough.
template <class Law>
bool within(const Solver<Law> &solver, int64_t group, double off = 0.0) {
    return solver.errors[static_cast<size_t>(group)] + off <= solver.graph.tolerance;
}

template <class Law, class Out>
bool trajectories(const Batch &batch, const Options &options, const Rule &rule, const Runner &run,
                  const Trajectories<Out> &to) {
    struct Worker {
        Solver<Law> solver;
        ClockReader<Law> reader;
        Large<Law> large;
        Worker(const Batch &batch, const Options &options, const Rule &rule)
            : solver(batch, options, rule), reader(solver), large(solver) {}
    };
    return run(batch.rows, SHARE, [&]() -> Work {
        return [&, worker = std::make_shared<Worker>(batch, options, rule)](int64_t row) {
            Solver<Law> &solver = worker->solver;
            ClockReader<Law> &reader = worker->reader;
            double last = 0.0;
            const Cascade<Law> *solved = worker->large.solve(
                [&] { return solver.for_clocks(row, *to.last.at(row), *to.endless.at(row)); },
                [&] { return last = *to.last.at(row), solver.read_for_clocks(row, last, *to.endless.at(row)); },
                [&](Windows<Law> &windows, int64_t e) { return windows.trajectories(solver.graph, last, row, e, to); });
            for (int64_t e = 0; e < batch.groups; e++) *to.error.at(row, e) = solver.errors[static_cast<size_t>(e)];
            solver.keep(to.panels, row, worker->large.any());
            for (int64_t e = 0; e < batch.groups; e++) {
                if (worker->large.serves(e)) continue;
                if (solved) reader.open(*solver.at_exponent(*batch.exponent.at(row, e), true), solved->opening);
                for (int64_t c = 0; c < batch.clocks; c++) {
                    const double rate = *batch.rate.at(row, e, c), waste = *batch.waste.at(row, e, c);
                    Out *state = to.state.at(row, e, c), *clock = to.clock.at(row, e, c);
                    Out *spent = batch.squared ? to.spent.at(row, e, c) : nullptr;
                    const bool sound = solved && sound_clock(rate, waste);
                    if (!sound) reader.lose(to.times, state, clock, spent);
                    const bool lost = !sound || reader.read(rate, waste, to.ts.at(row, e, c), to.times, state, clock, spent);
                    const double off = lost ? 0.0 : rounded(solver.graph, state, to.times);
                    *to.code.at(row, e, c) = code_of(within(solver, e, off), lost);
                }
            }
        };
    });
}

template <class Law, class Out>
bool learning_times(const Batch &batch, const Options &options, const Rule &rule, const Runner &run,
                    const Times<Out> &to) {
    struct Worker {
        Solver<Law> solver;
        TimesReader<Law> reader;
        Large<Law> large;
        Worker(const Batch &batch, const Options &options, const Rule &rule)
            : solver(batch, options, rule), reader(solver), large(solver) {}
    };
    const bool with_demand = TimesReader<Law>::by_demand(batch);
    return run(batch.rows, SHARE, [&, with_demand]() -> Work {
        return [&, with_demand, worker = std::make_shared<Worker>(batch, options, rule)](int64_t row) {
            Solver<Law> &solver = worker->solver;
            const double level = *to.level.at(row);
            const Cascade<Law> *solved = worker->large.solve(
                [&] { return solver.for_times(row, level, with_demand); },
                [&] { return solver.read_for_times(row, level); },
                [&](Windows<Law> &windows, int64_t e) { return windows.times(solver.graph, solver.goal, row, e, to); });
            for (int64_t e = 0; e < batch.groups; e++) *to.error.at(row, e) = solver.errors[static_cast<size_t>(e)];
            solver.keep(to.panels, row, worker->large.any());
            for (int64_t e = 0; e < batch.groups; e++) {
                if (worker->large.serves(e)) continue;
                if (solved) {
                    const Cascade<Law> *own = with_demand ? solver.at_exponent(*batch.exponent.at(row, e), true) : solved;
                    worker->reader.read(*solved, *own, solver.goal, row, e, to);
                }
                for (int64_t c = 0; c < batch.clocks; c++) {
                    const bool sound = solved && sound_clock(*batch.rate.at(row, e, c), *batch.waste.at(row, e, c));
                    if (!sound) std::fill_n(to.found.at(row, e, c), batch.skills, static_cast<Out>(NAN));
                    *to.code.at(row, e, c) = code_of(within(solver, e), !sound);
                }
            }
        };
    });
}

// How the skills of a member begin and go on: efforts at the start, and for self-paced skills their rates from level 1/2
// on (null if none are).
struct Rates {
    const double *frequency, *start, *after;
};

// Levels (time, skill) of the exposures of one member, whose rates begin at `first`.
template <class Law, class Out>
void levels_of(const Rates &rates, int64_t first, int64_t skills, int64_t times, const Out *states, Out *levels) {
    Paces paces;
    const auto room = static_cast<size_t>((skills + LANES - 1) / LANES * LANES);
    paces.paced = rates.after != nullptr;
    paces.start.assign(room, 0.0), paces.rate.assign(room, NAN);
    if (paces.paced) paces.turn.assign(room, 0.0), paces.after.assign(room, NAN);
    const double half = Law::effort_at(0.5);
    for (int64_t s = 0; s < skills; s++) {
        const double start = paces.start[s] = rates.start[first + s], rate = paces.rate[s] = rates.frequency[first + s];
        if (!paces.paced) continue;
        paces.turn[s] = std::max((half - start) / rate, 0.0), paces.after[s] = rates.after[first + s];
    }
    for (int64_t t = 0; t < times; t++, states += skills, levels += skills) {
        int64_t s = 0;
        for (; s + LANES <= skills; s += LANES) {
            const Vector x = load(states + s), level = Law::level(paces.effort(s, x));
            store(levels + s, x == x ? level : x);
        }
        if (s == skills) continue;
        Vector last = all(0.0);
        for (int64_t k = s; k < skills; k++) last[k - s] = static_cast<double>(states[k]);
        const Vector level = Law::level(paces.effort(s, last));
        for (int64_t k = s; k < skills; k++)
            levels[k] = last[k - s] == last[k - s] ? static_cast<Out>(level[k - s]) : static_cast<Out>(NAN);
    }
}

// Levels (time, skill) of the exposures of members.
template <class Law, class Out>
bool levels(const Rates &rates, int64_t members, int64_t skills, int64_t times, const Runner &run, const Out *states,
            Out *levels) {
    return run(members, MEMBERS, [&]() -> Work {
        return [&](int64_t member) {
            const Out *state = states + member * times * skills;
            Out *to = levels + member * times * skills;
            levels_of<Law>(rates, member * skills, skills, times, state, to);
        };
    });
}
