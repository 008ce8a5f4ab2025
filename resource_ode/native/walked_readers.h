// What is read of the panels of a walk: learning times, or a trajectory.

// An exposure inside a panel: it never falls, whatever its interpolant does (as in `table.h`).
SHARED static inline Real between(Real x, Real left, Real right) { return x < left ? left : x > right ? right : x; }

// Where a call of learning times wants them: (row, clock, skill).
struct TimesTo {
    Real *found;
    const Real *level;  // (row,)
};

template <class Law, int ROOM>
class TimesReader {
  public:
    // whether the range ended before a skill had reached its goal
    bool beyond = false;

    SHARED TimesReader(const WalkedGraph<Law, ROOM> &graph, const Given &given, const TimesTo &to, int64_t row,
                       Real goal)
        : graph(graph), given(given), to(to), row(row), goal(goal) {
        for (int k = 0; k < graph.count; k++) before += first(graph.law.progress(all(graph.start[k])));
    }

    SHARED void read(const Panel<ROOM> &panel) {
        // errors of times in the panel before, at the pace of this one
        worst = larger(worst, by_pace * panel.slope + otherwise);
        by_pace = otherwise = 0;
        const Real pace = larger(panel.slope, slope);
        slope = panel.slope;
        for (int k = 0; k < graph.count; k++) {
            const Real wanted = larger(graph.exposure_at(k, goal), 0);
            const bool past = panel.after[k] > wanted;
            if (panel.number > 0 && !(panel.x[k] <= wanted)) continue;
            if (!past && !panel.is_last) continue;
            if (panel.is_last && panel.after[k] < wanted * static_cast<Real>(given.by.reached)) beyond = true;
            find(panel, k, wanted);
            if (wanted > 0) judge(panel, k, wanted, pace);
        }
    }

    // The largest relative error of the times (`RelativeError`).
    SHARED Real error(Real of_level) const {
        const Real found = larger(worst, otherwise + by_pace * slope);
        return of_level != of_level || worst != worst ? of_level + worst : found;
    }

  private:
    const WalkedGraph<Law, ROOM> &graph;
    const Given &given;
    const TimesTo &to;
    const int64_t row;
    const Real goal;
    Real before = 0, worst = 0, slope = 0, by_pace = 0, otherwise = 0;

    SHARED void find(const Panel<ROOM> &panel, int k, Real wanted) const {
        Polynomial own;
        own.read(given.rule, panel.opening[k], 1, 0, panel.half, panel.x[k], panel.after[k]);
        const Real place = invert(given.rule, own, wanted);
        Real weights[NODES][LANES];
        weigh(given.rule, all(place), all(panel.half), weights);
        Real learned = 0;
        for (int j = 0; j < graph.count; j++) {
            Real x = panel.x[j];
            for (int node = 0; node < NODES; node++) x += weights[node][0] * panel.opening[j][node];
            learned += first(graph.law.progress(all(graph.effort(j, between(x, panel.x[j], panel.after[j])))));
        }
        const Real clock = panel.left + panel.half * (1 + place);
        for (int c = 0; c < given.clocks; c++) {
            const int64_t member = row * given.clocks + c;
            const Real total = learned - before + given.waste[member] * clock;
            to.found[member * given.skills + graph.skill[k]] = wanted > 0 ? total / given.rate[member] : 0;
        }
    }

    SHARED void judge(const Panel<ROOM> &panel, int k, Real wanted, Real pace) {
        const Real start = graph.start[k],
                   missed = panel.off[k] + ROUNDING * (larger(wanted, panel.after[k]) + 2 * start / graph.rate[k]);
        const Real open = graph.waits(k) ? larger(panel.opening[k][0], (wanted - panel.x[k]) / (2 * panel.half)) : 1;
        const Real gained = first(graph.law.progress(all(goal))) - first(graph.law.progress(all(start)));
        const Real most = larger(panel.learned_after, gained), least = larger(panel.learned_before, gained);
        const Real later = missed / open / least, rest = (panel.moved + ROUNDING * (most + 2 * before)) / least;
        by_pace = larger(by_pace, later), otherwise = larger(otherwise, rest);
        const Real found = larger(pace * later + rest, missed / wanted);
        if (!(found <= worst)) worst = found;
    }
};

// Where a call of trajectories wants them: (row, clock, time, skill), and (row, clock, time).
struct TrajectoriesTo {
    Real *state, *clock;
    const Real *ts;
    int times;
};

template <class Law, int ROOM>
class TrajectoriesReader {
  public:
    SHARED TrajectoriesReader(const WalkedGraph<Law, ROOM> &graph, const Given &given, const TrajectoriesTo &to,
                              int64_t row)
        : graph(graph), given(given), to(to), row(row) {}

    SHARED void read(const Panel<ROOM> &panel) {
        for (int c = 0; c < given.clocks; c++) {
            const int64_t member = row * given.clocks + c;
            const Real rate = given.rate[member], waste = given.waste[member];
            const Real base = panel.spent_before + waste * panel.left, end = panel.spent_after + waste * panel.right;
            const int until = first_at(rate, end);
            int t = panel.number == 0 ? 0 : first_at(rate, base);
            if (t < until) inside(panel, member, t, until, waste, base, end, rate);
            if (panel.is_last) after(panel, member, until, waste, end, rate);
        }
    }

    // Whether a member is not finite somewhere; then all of it is NaN.
    SHARED bool lost(int64_t member, const Panel<ROOM> &panel) const {
        Real total = 0;
        for (int k = 0; k < graph.count; k++) total += panel.after[k];
        for (int t = 0; t < to.times; t++) {
            const Real clock = to.clock[member * to.times + t];
            // without waste it is infinite in the end
            total += clock > HUGE_NUMBER && given.waste[member] == 0 ? 0 : clock - clock;
        }
        const bool lost = !finite(total);
        if (lost) lose(given, to, member);
        return lost;
    }

    SHARED static void lose(const Given &given, const TrajectoriesTo &to, int64_t member) {
        const Real none = std::numeric_limits<Real>::quiet_NaN();
        for (int64_t k = 0; k < static_cast<int64_t>(to.times) * given.skills; k++)
            to.state[member * to.times * given.skills + k] = none;
        for (int t = 0; t < to.times; t++) to.clock[member * to.times + t] = none;
    }

  private:
    const WalkedGraph<Law, ROOM> &graph;
    const Given &given;
    const TrajectoriesTo &to;
    const int64_t row;

    // The first of the times at or after so much resource.
    SHARED int first_at(Real rate, Real resource) const {
        int low = 0, high = to.times;
        while (low < high) {
            const int middle = (low + high) / 2;
            if (rate * to.ts[middle] < resource) low = middle + 1; else high = middle;
        }
        return low;
    }

    SHARED void inside(const Panel<ROOM> &panel, int64_t member, int from, int until, Real waste, Real base, Real end,
                       Real rate) const {
        Polynomial spent;
        spent.read(given.rule, panel.demand, 1, waste, panel.half, base, end);
        for (int t = from; t < until; t += 2) {
            const int both[2] = {t, t + 1 < until ? t + 1 : t};
            const Vector target[2] = {all(rate * to.ts[both[0]]), all(rate * to.ts[both[1]])};
            Vector place[2];
            invert(
                given.rule, [&](int64_t, int64_t node) { return all(spent.knots[node]); },
                [&](int64_t, int64_t power) { return all(spent.powers[power]); }, target, place);
            for (int v = 0; v < 2; v++) {
                const bool begun = to.ts[both[v]] > 0;
                Real weights[NODES][LANES];
                weigh(given.rule, place[v], all(panel.half), weights);
                to.clock[member * to.times + both[v]] = begun ? panel.left + panel.half * (1 + first(place[v])) : 0;
                Real *row_of = to.state + (member * to.times + both[v]) * given.skills;
                for (int k = 0; k < graph.count; k++) {
                    Real x = panel.x[k];
                    for (int node = 0; node < NODES; node++) x += weights[node][0] * panel.opening[k][node];
                    row_of[graph.skill[k]] = begun ? between(x, panel.x[k], panel.after[k]) : 0;
                }
            }
        }
    }

    // Where the range ends everything is learned, and from then on the clock only wastes.
    SHARED void after(const Panel<ROOM> &panel, int64_t member, int from, Real waste, Real end, Real rate) const {
        for (int t = from; t < to.times; t++) {
            const Real beyond = larger(rate * to.ts[t] - end, 0);
            const Real more = waste > 0 ? beyond / waste : std::numeric_limits<Real>::infinity();
            to.clock[member * to.times + t] = panel.right + more;
            for (int k = 0; k < graph.count; k++)
                to.state[(member * to.times + t) * given.skills + graph.skill[k]] = panel.after[k] + more;
        }
    }
};
