// The cascade of one graph walked along resource time, a panel after the other (`Cascade::solve`); what is read of a
// panel is read as soon as it is solved, since nothing of it is kept.

// What a reader sees of a panel.
template <int ROOM>
struct Panel {
    int number;
    bool is_last;
    Real left, right, half, slope, moved;
    Real learned_before, learned_after;     // by all skills together, at the edges; and how wrong that is
    Real spent_before, spent_after;         // without waste, and with it nothing yet
    Real x[ROOM], after[ROOM], off[ROOM];   // exposures at the edges; what those inside may be wrong by
    Real opening[ROOM][NODES];
    Real demand[NODES];
};

template <class Law, int ROOM>
class Walk {
  public:
    const WalkedGraph<Law, ROOM> &graph;
    const Rule &rule;
    Panel<ROOM> panel;

    SHARED Walk(const WalkedGraph<Law, ROOM> &graph, const Rule &rule) : graph(graph), rule(rule) {}

    // All panels; returns the error of the levels and, with demand, of the clock. `least` is an exposure below which
    // nothing is decided.
    template <bool DEMAND, class Reader>
    SHARED Real go(const Measure &measure, int panels, Reader &reader) {
        begin();
        Measure::Edges edges(measure, panels);
        for (int p = 0; p < panels; p++) {
            panel.number = p, panel.is_last = p == panels - 1;
            panel.left = panel.right, panel.right = edges.next();
            panel.half = (panel.right - panel.left) / 2;
            solve<DEMAND>();
            reader.read(panel);
            for (int k = 0; k < graph.count; k++) panel.x[k] = panel.after[k];
            panel.learned_before = panel.learned_after, panel.spent_before = panel.spent_after;
        }
        if (!DEMAND) return worst;
        const Real estimate = worst + late + most_inside + shifted;
        return unbalanced > estimate || unbalanced != unbalanced ? unbalanced : estimate;
    }

  private:
    Real gates[ROOM][NODES], relative[ROOM], wrong[ROOM], blur;
    Real worst, late, most_inside, shifted, unbalanced, paid, last_off, share, before;

    SHARED void begin() {
        worst = late = most_inside = shifted = unbalanced = paid = last_off = before = 0, share = 1;
        panel.right = 0, panel.spent_before = panel.learned_before = 0;
        for (int k = 0; k < graph.count; k++) {
            Vector demand, rest;
            graph.law.demand_and_rest(all(graph.start[k]), demand, rest);
            panel.x[k] = wrong[k] = relative[k] = 0, before += first(rest);
        }
    }

    template <bool DEMAND>
    SHARED void solve() {
        Vector demand[NODES], rest[NODES], leading[NODES];
        if (DEMAND)
            for (int node = 0; node < NODES; node++) demand[node] = rest[node] = leading[node] = all(0.0);
        Real moved = 0, left_over = 0;
        for (int k = 0; k < graph.count; k++) {
            Vector values[NODES];
            Real inner[NODES], behind = 0;
            const Real x = panel.x[k];
            const bool waits = open(k, values, behind);
            if (waits) {
                const Folded folded(values);
                folded.integrals(rule, all(panel.half), inner, 1);
                const Real gained = first(panel.half * dot(rule.weights, folded.sums));
                panel.after[k] = x + gained;
                estimate(k, folded, values, inner[NODES / 2], gained, behind);
            } else {
                for (int node = 0; node < NODES; node++)
                    inner[node] = panel.half * (1 + rule.places[node + 1]);
                panel.after[k] = panel.right, relative[k] = panel.off[k] = blur = 0;
            }
            for (int node = 0; node < NODES; node++) store(&panel.opening[k][node], values[node]);
            // from the error of an exposure to that of a level
            // of what may be less than it seems, more may be left
            const Real off = waits ? panel.off[k] : 0, least = !(off > rule.doubtful * x) ? x : off < x ? x - off : 0;
            const Real demanded = graph.rate[k] * first(graph.law.demand(all(graph.effort(k, least))));
            const Real by_level = waits ? demanded * panel.off[k] : 0;
            if (!(by_level <= worst)) worst = by_level;  // not max(): a NaN must stay
            moved += by_level;
            Vector there, more;
            graph.law.demand_and_rest(all(graph.effort(k, panel.after[k])), there, more);
            left_over += first(more);
            if (graph.is_needed(k)) shut(k, x, inner);
            if (DEMAND && !graph.law.learned(graph.effort(k, x)))
                for (int node = 0; node < NODES; node++) {
                    Vector left, remains;
                    graph.law.demand_and_rest(all(graph.effort(k, x + inner[node])), left, remains);
                    const Vector part = values[node] * graph.rate[k] * left;
                    demand[node] += part, rest[node] += remains, leading[node] = larger(part, leading[node]);
                }
        }
        panel.moved = moved, panel.learned_after = before - left_over;
        panel.slope = (panel.learned_after - panel.learned_before) / (2 * panel.half);
        if (!DEMAND) return;
        for (int node = 0; node < NODES; node++) store(&panel.demand[node], demand[node]);
        with_clock(demand, rest, leading);
    }

    // Openings at the nodes, and the sum of the relative errors of the gates; whether it waits for any.
    SHARED bool open(int k, Vector (&values)[NODES], Real &behind) const {
        for (int node = 0; node < NODES; node++) values[node] = all(1.0);
        bool waits = false;
        Real total = 0;
        graph.each_before(k, [&](int j, bool mine) {
            for (int node = 0; node < NODES; node++) {
                const Vector opened = values[node] * load(&gates[j][node]);
                values[node] = mine ? opened : values[node];
            }
            total = mine ? total + relative[j] : total;
            waits = waits || mine;
        });
        behind = total;
        return waits;
    }

    // What the exposure of a skill may be wrong by: on its own, and by those of what it waits for.
    SHARED void estimate(int k, const Folded &folded, const Vector (&values)[NODES], Real grown, Real gained, Real behind) {
        Vector at_edge, inside;
        folded.missed(rule, all(panel.half), at_edge, inside);
        Real edge = first(at_edge), within = first(inside);
        if (panel.number == 0) {
            const Real unseen = missed_at_start(k, values);
            edge += unseen, within += unseen;
        }
        // an error that came in is a larger part of the exposure in the middle than at the end
        const Real own = edge + gained * (behind + ROUNDING), middle = panel.x[k] + grown;
        const Real part = (wrong[k] + (gained > 0 ? grown / gained : Real(1)) * own) / middle;
        wrong[k] += own, blur = rule.blur * within * graph.rate[k];
        relative[k] = !(panel.after[k] > 0) ? 0 : part > 1 || !(middle > 0) ? 1 : part;
        panel.off[k] = wrong[k] + within;
    }

    // How open it is at 0 is known: what the polynomial says else has happened before the first node of all.
    SHARED Real missed_at_start(int k, const Vector (&values)[NODES]) const {
        Real at_start = 1, found = 0;
        graph.each_before(k, [&](int j, bool mine) {
            const Real gate = first(saturation(graph.exponent * graph.law.depth(all(graph.start[j]))));
            at_start = mine ? at_start * gate : at_start;
        });
        for (int node = 0; node < NODES; node++) found += rule.left[node] * first(values[node]);
        return std::abs(found - at_start) * panel.half * (1 + rule.places[1]);
    }

    // The gates of a skill that others wait for, and their relative error.
    SHARED void shut(int k, Real x, const Real (&inner)[NODES]) {
        const Real a = graph.exponent;
        const bool through = graph.law.through(a, graph.effort(k, x));
        for (int node = 0; node < NODES; node++) {
            const Vector gate = saturation(a * graph.law.depth(all(graph.effort(k, x + inner[node]))));
            gates[k][node] = through ? 1 : first(gate);
        }
        const auto steepness = [&](Real exposure, Real ajar) {
            return ajar > 0 ? a * first(graph.law.depth(all(graph.effort(k, exposure)))) * (1 - ajar) / ajar : Real(1);
        };
        Real steep = steepness(x + inner[0], gates[k][0]);
        if (relative[k] > rule.doubtful) {
            // it may be less open than it seems, and then it changes more
            const Real least = (x + inner[0]) * (1 - relative[k]);
            steep = larger(steep, steepness(least, first(saturation(a * graph.law.depth(all(graph.effort(k, least)))))));
        }
        relative[k] *= steep;
        if (!(blur > rule.doubtful * graph.effort(k, x + inner[0]))) return;
        // each node counts by itself where the interpolant may be wrong by as much as it is large (`Cascade::gate_error`)
        Real blurred = 0, whole = TINY;
        for (int node = 0; node < NODES; node++) {
            const Real effort = graph.effort(k, x + inner[node]), weight = rule.weights[node] * gates[k][node];
            if (blur > rule.doubtful * effort) blurred += weight * (blur < effort ? blur / effort : Real(1));
            whole += weight;
        }
        blurred /= whole;
        relative[k] = larger(relative[k], blurred * blurred);
    }

    // What is spent, what the clock may be wrong by, and what the budget law says at the nodes (`Cascade::with_clock`).
    SHARED void with_clock(const Vector (&demand)[NODES], const Vector (&rest)[NODES], const Vector (&leading)[NODES]) {
        const Folded folded(demand);
        const Vector half = all(panel.half);
        Vector at_edge, inside;
        Real inner[NODES], most = 0;
        folded.missed(rule, half, at_edge, inside);
        folded.integrals(rule, half, inner, 1);
        late += first(at_edge), most_inside = larger(first(inside), most_inside);
        for (int node = 0; node < NODES; node++) {
            const Real own = first(leading[node]) / (first(demand[node]) + TINY), wider = larger(share, own);
            most = larger(most, own);
            last_off = paid + inner[node] + first(rest[node]) - before;
            const Real off = std::abs(last_off) * larger(wider, 1 / larger(paid + inner[node], Real(1)));
            if (!(off <= unbalanced)) unbalanced = off;
            share = own;
        }
        shifted = larger(shifted, most * panel.moved);
        const Real gained = first(panel.half * dot(rule.weights, folded.sums));
        paid += gained, panel.spent_after = panel.spent_before + gained;
    }
};
