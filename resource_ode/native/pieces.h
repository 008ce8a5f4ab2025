// Clocks in pieces: learning rate and waste change at training steps, and one cascade serves all of them.
//
// Let spent_k(s) be what is spent up to a resource time s by the waste of piece k. Where the piece starts, at the step T_k,
// resource time is s_k; from there on spent_k(s(t)) = spent_k(s_k) + eta_k (t - T_k).

template <class Law>
class PiecesReader {
  public:
    explicit PiecesReader(const Solver<Law> &solver) : solver(solver), graph(solver.graph), reader(solver) {}

    // Whether the budget law tells what has been spent, and not the integral of the demand, which then need not be there.
    static bool by_law(const Batch &batch) { return !TimesReader<Law>::by_demand(batch); }

    void open(const Cascade<Law> &cascade, bool law) {
        this->cascade = &cascade, this->law = law;
        reader.open(cascade, cascade.opening), paces.read(graph, solver.batch.paced);
        before = 0.0;
        for (int64_t s : graph.order)
            if (graph.paces[s].start > 0) before += graph.law.progress(all(graph.paces[s].start))[0];
    }

    template <class Out>
    void lose(int64_t times, Out *state, Out *clock, Out *spent) const {
        reader.lose(times, state, clock, spent);
    }

    // The run of one member; returns whether something was not finite. `off`: by how much it misses the budget law.
    template <class Out>
    bool read(Path &path, const double *ts, int64_t times, Out *state, Out *clock, Out *spent, double &off) {
        const auto pieces = path.count;
        const double last = ts[times - 1];
        int64_t t = 0;
        double wasted = 0.0, given = 0.0;
        bool lost = false;
        off = 0.0, path.begin(), place = {}, there = {};
        for (size_t k = 0; k < pieces; k++) {
            const double from = std::min(path.start[k], last), to = path.over(k) ? last : std::min(path.start[k + 1], last);
            enter(path, k, path.rate[k] * (to - from));
            int64_t until = t;
            while (until < times && (path.over(k) || ts[until] < path.start[k + 1])) until++;
            budgets.resize(static_cast<size_t>(until - t));
            for (int64_t i = t; i < until; i++)
                budgets[static_cast<size_t>(i - t)] = path.paid[k] + path.rate[k] * std::max(ts[i] - path.start[k], 0.0);
            if (until > t && reader.read(1.0, path.waste[k], budgets.data(), until - t, state + t * graph.skills, clock + t,
                                         graph.squared ? spent + t : nullptr))
                lost = true;
            for (; t < until && !lost; t++) {
                const double due = given + path.rate[k] * std::max(ts[t] - path.start[k], 0.0);
                if (graph.squared) {
                    spent[t] = static_cast<Out>(given + (static_cast<double>(spent[t]) - path.paid[k]));
                    continue;
                }
                const double waste = path.waste[k] > 0 ? path.waste[k] * (static_cast<double>(clock[t]) - path.at[k]) : 0.0;
                const double used = learned(state + t * graph.skills) + wasted + waste;
                spent[t] = static_cast<Out>(used);
                const double misses = std::abs(used - due) / std::max(due, 1.0);
                if (!(misses <= off)) off = misses;
            }
            t = until;
            if (path.over(k)) break;
            leave(path, k);
            wasted += path.waste[k] * (place.clock - path.at[k]), given += path.span[k];
        }
        if (lost) reader.lose(times, state, clock, spent);
        return lost;
    }

    // Training steps at which skills reach their goals, whose relative error may be `off`, and in which piece each is;
    // returns whether all are within the tolerance.
    template <class Out>
    bool times(Path &path, double off, double allowed, Out *found, int32_t *piece) {
        const auto pieces = path.count;
        const int64_t count = static_cast<int64_t>(graph.order.size());
        std::fill_n(found, graph.skills, static_cast<Out>(NAN)), std::fill_n(piece, graph.skills, 0);
        left.resize(static_cast<size_t>(count));
        for (int64_t i = 0; i < count; i++) left[static_cast<size_t>(i)] = i;
        crossings.clear(), path.begin(), place = {}, there = {};
        for (size_t k = 0; k < pieces; k++) {
            enter(path, k, path.over(k) ? INFINITY : path.rate[k] * (path.start[k + 1] - path.start[k]));
            const bool last = path.over(k) || !leave(path, k);
            size_t kept = 0;
            for (int64_t i : left) {
                const Reached<Law> &at = reached[static_cast<size_t>(i / (2 * LANES))];
                const int64_t own = i % (2 * LANES);
                if (!last && at.clock[own] > place.clock) {
                    left[kept++] = i;
                    continue;
                }
                double spent = 0.0;
                if (law) {
                    spent = gained[static_cast<size_t>(i)] + path.waste[k] * at.clock[own];
                } else {
                    Vector weights[NODES];
                    at.weights_of(own, weights);
                    spent = reader.spent_at(at.panel[own], weights);
                }
                const double more = std::max(spent - path.paid[k], 0.0);
                crossings.push_back({graph.order[static_cast<size_t>(i)], k, more, spent, at.wanted[own]});
            }
            left.resize(kept);
            if (last) break;
        }
        bool all_sure = true;
        for (const Crossing &own : crossings) {
            if (!(own.wanted > 0)) {
                found[own.skill] = 0;
                continue;
            }
            const double wrong = off * own.spent + path.wrong[own.piece];
            const double step = path.step(own.piece, own.more);
            const double early = path.step(own.piece, own.more - wrong), late = path.step(own.piece, own.more + wrong);
            // what never comes never comes either way
            const bool sure = early == late || (late <= step * (1 + allowed) && early >= step * (1 - allowed));
            all_sure = all_sure && sure && !std::isnan(own.spent) && !std::isnan(wrong);
            found[own.skill] = static_cast<Out>(step), piece[own.skill] = static_cast<int32_t>(own.piece);
        }
        return all_sure;
    }

    // Where skills reach their goals in resource time: for `times` of all members of a row.
    void find(double goal) {
        const int64_t count = static_cast<int64_t>(graph.order.size());
        reached.resize(static_cast<size_t>((count + 2 * LANES - 1) / (2 * LANES)));
        for (int64_t k = 0; k < count; k += 2 * LANES) {
            int64_t of[2 * LANES];
            double goals[2 * LANES];
            for (int64_t i = 0; i < 2 * LANES; i++) {
                of[i] = graph.order[static_cast<size_t>(std::min(k + i, count - 1))];
                goals[i] = graph.wanted(of[i], goal);
            }
            Reached<Law> &at = reached[static_cast<size_t>(k / (2 * LANES))];
            at.find(solver.rule, *cascade, of, goals);
            if (!law) continue;
            gained.resize(static_cast<size_t>(count));
            for (int64_t i = 0; i < std::min(2 * LANES, count - k); i++) {
                Place own;
                own.panel = at.panel[i], at.weights_of(i, own.weights);
                gained[static_cast<size_t>(k + i)] = look(own).learned;
            }
        }
    }

  private:
    using Place = typename ClockReader<Law>::Place;
    // What all skills have learned at a place, and demand there.
    struct Sum {
        double learned = 0.0, demand = 0.0;
    };
    struct Crossing {
        int64_t skill;
        size_t piece;
        double more, spent, wanted;
    };
    const Solver<Law> &solver;
    const Graph<Law> &graph;
    ClockReader<Law> reader;
    Paces paces;
    const Cascade<Law> *cascade = nullptr;
    bool law = false;
    Place place;
    Sum there;  // at that place
    double price = 0.0;   // of resource time, at the end of the piece before
    double before = 0.0;  // what was learned at the start of all
    std::vector<double> budgets, gained;
    std::vector<Reached<Law>> reached;
    std::vector<int64_t> left;
    std::vector<Crossing> crossings;
    static constexpr double CLOSE = 1e-15;

    // Goes on at the place where the piece before ended.
    void enter(Path &path, size_t k, double span) {
        const double waste = path.waste[k];
        if (!law) reader.integrate(waste);
        const double now = k ? price_at(waste) : 0.0;
        // before anything has been spent there is no rounding either
        const double spent = !(place.clock > 0) ? 0.0 : law ? there.learned + waste * place.clock : reader.spent_at(place, waste);
        path.enter(place.clock, spent, span, k ? now / price : 1.0, k ? missed(spent - waste * place.clock) : 0.0);
    }

    // How wrong the integral of the demand may be at the place, where so much has been learned (`RelativeError`).
    double missed(double learned) const {
        double off = cascade->moved[place.panel], entered = 0.0;
        if (!law) {
            for (int64_t p = 0; p <= place.panel; p++) entered = std::max(entered, cascade->moved[p]);
            off += cascade->late[place.panel] + entered + cascade->jumps;
        }
        off += cascade->bends * learned + ROUNDING * (learned + 2 * before);
        return graph.squared ? off * std::sqrt(2.0) : off;
    }

    // To the end of the piece; false if it is beyond the cascade.
    bool leave(const Path &path, size_t k) {
        bool within = true;
        const double budget = path.paid[k] + path.span[k];
        // nothing moves where nothing is spent
        if (path.span[k] > 0 || k == 0)
            within = law ? seek(budget, path.waste[k]) : reader.seek(budget, path.waste[k], place);
        price = price_at(path.waste[k]);
        return within;
    }

    double price_at(double waste) const {
        return law ? (place.beyond > 0 ? 0.0 : there.demand) + waste : reader.price_at(place, waste);
    }

    // Where so much has been learned and wasted; false if that is behind the cascade.
    bool seek(double budget, double waste) {
        const auto cost = [&](int64_t p, double at) {
            reader.place_at(p, at, place), there = look(place);
            return there.learned + waste * place.clock - budget;
        };
        int64_t low = 0, high = cascade->panels;
        if (cost(high - 1, 1.0) < 0) {
            const double left = budget - there.learned - waste * place.clock;
            if (Law::HAS_END) place.beyond = waste > 0 ? left / waste : INFINITY;
            place.clock += place.beyond;
            return false;
        }
        while (high - low > 1) {
            const int64_t middle = (low + high) / 2;
            (cost(middle, -1.0) < 0 ? low : high) = middle;
        }
        // Newton's method, by halves where it leaves what is known
        double least = -1.0, most = 1.0, at = 0.0;
        for (int64_t step = 0; step < MOST_NEWTON_STEPS; step++) {
            const double off = cost(low, at);
            (off < 0 ? least : most) = at;
            const double change = off / ((there.demand + waste) * cascade->half[low]);
            const double next = at - change;
            at = next >= least && next <= most ? next : (least + most) / 2;
            // the next change would be of the order of the square
            if (std::abs(change) < SETTLED || !(most - least > CLOSE)) break;
        }
        cost(low, at);
        if (!(budget > 0)) reader.place_at(0, -1.0, place), there = look(place);
        return true;
    }

    // What all skills have learned at a place since the start, and their demand there.
    Sum look(const Place &at) {
        Vector total = all(0.0), demand = all(0.0);
        const Table<Law> &table = reader.at_panel(at.panel);
        for (int64_t block = 0; block < table.blocks; block++) {
            const int64_t s = block * LANES;
            const Vector x = table.exposures(at.weights, block), z = paces.effort(s, x);
            const Integers there = z == z;  // not every place holds a skill
            const Vector own = there ? z : all(0.0), start = there ? load(&paces.start[static_cast<size_t>(s)]) : all(0.0);
            total += graph.law.progress(own) - graph.law.progress(start);
            const Vector slope = there ? paces.pace(s, x) * table.openings(at.values, block) : all(0.0);
            demand += graph.law.demand(own) * slope;
        }
        return {sum(total), sum(demand)};
    }

    // What all skills have learned at a row.
    template <class Out>
    double learned(const Out *state) const {
        Vector total = all(0.0);
        for (int64_t s = 0; s < graph.skills; s += LANES) {
            Vector x = all(NAN);
            if (s + LANES <= graph.skills) x = load(state + s);
            else for (int64_t k = s; k < graph.skills; k++) x[k - s] = static_cast<double>(state[k]);
            const Vector start = load(&paces.start[static_cast<size_t>(s)]);
            const Vector part = graph.law.progress(paces.effort(s, x)) - graph.law.progress(start);
            total += part == part ? part : all(0.0);  // not every place holds a skill
        }
        return sum(total);
    }
};

// How much more accurate than asked for the cascade is, one after the other, until what follows is within the tolerance:
// where a later piece has more waste or a lower rate, what goes wrong before it counts for more.
constexpr double STRICTER[] = {1.0, 32.0, 1024.0};

template <class Law, class Out>
bool trajectories_in_pieces(const Batch &batch, const Options &options, const Rule &rule, const Runner &run,
                            const Trajectories<Out> &to, const Pieced &pieced) {
    struct Worker {
        Solver<Law> solver;
        PiecesReader<Law> reader;
        Worker(const Batch &batch, const Options &options, const Rule &rule) : solver(batch, options, rule), reader(solver) {}
    };
    return run(batch.rows, SHARE, [&]() -> Work {
        return [&, worker = std::make_shared<Worker>(batch, options, rule)](int64_t row) {
            Solver<Law> &solver = worker->solver;
            PiecesReader<Law> &reader = worker->reader;
            const double asked = *batch.tolerance.at(row);
            bool all_found = false;
            for (double stricter : STRICTER) {
                if (all_found) break;
                solver.stricter = stricter;
                const Cascade<Law> *solved = solver.for_clocks(row, *to.last.at(row), *to.endless.at(row));
                all_found = true;
                if (solved) reader.open(*solved, false);
                for (int64_t c = 0; c < batch.clocks; c++) {
                    Path path(pieced, row, 0, c);
                    Out *state = to.state.at(row, 0, c), *clock = to.clock.at(row, 0, c), *spent = to.spent.at(row, 0, c);
                    double off = 0.0;
                    bool lost = !solved || !path.sound();
                    if (lost) reader.lose(to.times, state, clock, spent);
                    else lost = reader.read(path, to.ts.at(row, 0, c), to.times, state, clock, spent, off);
                    path.put(pieced.at.at(row, 0, c), pieced.paid.at(row, 0, c));
                    const double more = lost ? 0.0 : rounded(solver.graph, state, to.times), doubt = path.most_doubt();
                    const bool within = solver.error * doubt + more <= asked && off <= asked;
                    *to.code.at(row, 0, c) = code_of(within, lost);
                    all_found = all_found && (within || lost);
                }
            }
            *to.error.at(row, 0) = solver.error;
            solver.keep(to.panels, row, false);
        };
    });
}

template <class Law, class Out>
bool times_in_pieces(const Batch &batch, const Options &options, const Rule &rule, const Runner &run, const Times<Out> &to,
                     const Pieced &pieced) {
    struct Worker {
        Solver<Law> solver;
        PiecesReader<Law> reader;
        Worker(const Batch &batch, const Options &options, const Rule &rule) : solver(batch, options, rule), reader(solver) {}
    };
    const bool law = PiecesReader<Law>::by_law(batch);
    return run(batch.rows, SHARE, [&, law]() -> Work {
        return [&, law, worker = std::make_shared<Worker>(batch, options, rule)](int64_t row) {
            Solver<Law> &solver = worker->solver;
            PiecesReader<Law> &reader = worker->reader;
            const double allowed = *batch.tolerance.at(row) + 8 * static_cast<double>(std::numeric_limits<Out>::epsilon());
            bool all_found = false;
            for (double stricter : STRICTER) {
                if (all_found) break;
                solver.stricter = stricter;
                const Cascade<Law> *solved = solver.for_times(row, *to.level.at(row), !law);
                all_found = true;
                if (solved) reader.open(*solved, law), reader.find(solver.goal);
                for (int64_t c = 0; c < batch.clocks; c++) {
                    Path path(pieced, row, 0, c);
                    const bool sound = solved && path.sound();
                    bool sure = false;
                    if (sound) sure = reader.times(path, solver.error, allowed, to.found.at(row, 0, c), pieced.piece.at(row, 0, c));
                    else {
                        std::fill_n(to.found.at(row, 0, c), batch.skills, static_cast<Out>(NAN));
                        std::fill_n(pieced.piece.at(row, 0, c), batch.skills, 0);
                    }
                    path.put(pieced.at.at(row, 0, c), pieced.paid.at(row, 0, c));
                    *to.code.at(row, 0, c) = code_of(sure, !sound);
                    all_found = all_found && (sure || !sound);
                }
            }
            *to.error.at(row, 0) = solver.error;
            solver.keep(to.panels, row, false);
        };
    });
}
