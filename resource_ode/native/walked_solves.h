// From a row of a call to its results. A first kernel solves each row once; a second goes on with those that it was not
// sure of, so that the threads of the first all do the same.

struct Outcome {
    int32_t *code;  // (row, clock)
    Real *error;    // (row,)
    int32_t *left;  // how many rows are left for the second kernel, and which
};

INLINE void leave(const Outcome &out, int64_t row) {
#if defined(__CUDA_ARCH__)
    const int place = atomicAdd(out.left, 1);
#else
    const int place = out.left[0]++;
#endif
    out.left[1 + place] = static_cast<int32_t>(row);
}

INLINE bool sound_clock(Real rate, Real waste) { return rate > 0 && finite(rate) && waste >= 0 && finite(waste); }

// As many panels as the error asks for (`Solver::more_panels`).
INLINE int more_panels(const Given &given, int panels, Real error, Real tolerance) {
    const double wanted = 1.2 * std::pow(static_cast<double>(error / tolerance), 1.0 / 9);
    const double growth = !(wanted < 4) ? 4.0 : wanted < 4.0 / 3 ? 4.0 / 3 : wanted;  // also of what is not a number
    const int more = (static_cast<int>(growth * panels) + 3) / 4 * 4;
    return more < given.most_panels ? more : given.most_panels;
}

// What both solves share: attempts with more and more panels, and what is said of them.
template <class Own, class Law, int ROOM>
struct Solve {
    Given given;
    Outcome out;

    SHARED void first(int64_t row) const { attempt(row, false); }
    SHARED void more(int64_t row) const { attempt(row, true); }

  private:
    SHARED void attempt(int64_t row, bool again) const {
        const Own &own = *static_cast<const Own *>(this);
        WalkedGraph<Law, ROOM> graph;
        const bool sound = graph.read(given, row);
        for (int c = 0; c < given.clocks; c++) {
            const int64_t member = row * given.clocks + c;
            const bool fine = sound && sound_clock(given.rate[member], given.waste[member]);
            out.code[member] = fine ? SUCCESSFUL : NOT_FINITE;
            own.clear(member, !fine);
        }
        if (!sound) {
            out.error[row] = std::numeric_limits<Real>::quiet_NaN();
            return;
        }
        Real error = again ? out.error[row] : 0, range = own.range(graph, row);
        Measure measure;
        int panels = own.place(graph, row, range, measure);
        for (int number = again ? 2 : 1;; number++) {
            if (number > 1 && error > HUGE_NUMBER) {
                // the range was an estimate: go on further
                range *= 10;
                panels = own.place(graph, row, range, measure);
            }
            if (number > 1) panels = more_panels(given, panels, error, graph.tolerance);
            if (number > 1 && number == given.attempts) panels = given.most_panels;
            error = own.solve(graph, row, measure, panels);
            const bool enough = error <= graph.tolerance;
            if (!enough && !again && given.attempts > 1) {
                out.error[row] = error;
                return leave(out, row);
            }
            if (enough || number >= given.attempts) {
                out.error[row] = error;
                for (int c = 0; c < given.clocks && !enough; c++) {
                    int32_t &code = out.code[row * given.clocks + c];
                    code = code == SUCCESSFUL ? INACCURATE : code;
                }
                return;
            }
        }
    }
};

template <class Law, int ROOM>
struct TimesSolve : Solve<TimesSolve<Law, ROOM>, Law, ROOM> {
    TimesTo to;

    SHARED void clear(int64_t member, bool) const {
        const int skills = this->given.skills;
        for (int s = 0; s < skills; s++) to.found[member * skills + s] = std::numeric_limits<Real>::quiet_NaN();
    }
    SHARED Real goal(const WalkedGraph<Law, ROOM> &graph, int64_t row) const {
        return static_cast<Real>(graph.law.effort_at(to.level[row]));
    }
    SHARED Real range(const WalkedGraph<Law, ROOM> &graph, int64_t row) const {
        const Constants &by = this->given.by;
        const Real last = graph.reach(goal(graph, row)) * static_cast<Real>(1 + by.margin);
        return larger(last, static_cast<Real>(by.shortest) / graph.fastest);
    }
    SHARED int place(const WalkedGraph<Law, ROOM> &graph, int64_t row, Real range, Measure &measure) const {
        return graph.measure(this->given, range, true, goal(graph, row), measure);
    }
    SHARED Real solve(const WalkedGraph<Law, ROOM> &graph, int64_t row, const Measure &measure, int panels) const {
        Walk<Law, ROOM> walk(graph, this->given.rule);
        TimesReader<Law, ROOM> reader(graph, this->given, to, row, goal(graph, row));
        const Real of_level = walk.template go<false>(measure, panels, reader);
        for (int c = 0; c < this->given.clocks; c++) {
            const int64_t member = row * this->given.clocks + c;
            if (this->out.code[member] == NOT_FINITE) clear(member, true);
        }
        return reader.beyond ? std::numeric_limits<Real>::infinity() : reader.error(of_level);
    }
};

template <class Law, int ROOM>
struct TrajectoriesSolve : Solve<TrajectoriesSolve<Law, ROOM>, Law, ROOM> {
    TrajectoriesTo to;
    Real end_effort;

    // Absent skills are NaN at all times.
    SHARED void clear(int64_t member, bool whole) const {
        if (whole) return TrajectoriesReader<Law, ROOM>::lose(this->given, to, member);
        const int skills = this->given.skills;
        const uint8_t *present = this->given.present + member / this->given.clocks * skills;
        for (int s = 0; s < skills; s++)
            for (int t = 0; t < to.times && !present[s]; t++)
                to.state[(member * to.times + t) * skills + s] = std::numeric_limits<Real>::quiet_NaN();
    }
    // As far as any clock goes, but not beyond where all is over; without waste until all is learned (`for_clocks`).
    SHARED Real range(const WalkedGraph<Law, ROOM> &graph, int64_t row) const {
        const Constants &by = this->given.by;
        const Real over = static_cast<Real>(by.all_open) / graph.exponent;
        const Real goal = static_cast<Real>(graph.law.effort_of_depth(over > by.all_learned ? over : by.all_learned));
        Real last = 0, least = 0;
        bool endless = false;
        for (int c = 0; c < this->given.clocks; c++) {
            const int64_t member = row * this->given.clocks + c;
            const Real rate = this->given.rate[member], waste = this->given.waste[member];
            if (!sound_clock(rate, waste)) continue;
            if (waste > 0) last = larger(last, rate * to.ts[to.times - 1] / waste);
            else endless = true;
        }
        for (int k = 0; k < graph.count; k++) least = larger(least, graph.exposure_at(k, goal));
        if (last > least) last = smaller(last, graph.reach(goal));
        if (endless) last = larger(last, graph.reach(static_cast<Real>(graph.law.effort_of_depth(end_effort))));
        return larger(last * static_cast<Real>(1 + by.margin), static_cast<Real>(1e6) * TINY);
    }
    SHARED int place(const WalkedGraph<Law, ROOM> &graph, int64_t, Real range, Measure &measure) const {
        return graph.measure(this->given, range, false, 0, measure);
    }
    SHARED Real solve(const WalkedGraph<Law, ROOM> &graph, int64_t row, const Measure &measure, int panels) const {
        Walk<Law, ROOM> walk(graph, this->given.rule);
        TrajectoriesReader<Law, ROOM> reader(graph, this->given, to, row);
        const Real error = walk.template go<true>(measure, panels, reader);
        for (int c = 0; c < this->given.clocks; c++) {
            int32_t &code = this->out.code[row * this->given.clocks + c];
            if (code == NOT_FINITE) clear(row * this->given.clocks + c, true);
            else if (reader.lost(row * this->given.clocks + c, walk.panel)) code = NOT_FINITE;
        }
        return error;
    }
};
