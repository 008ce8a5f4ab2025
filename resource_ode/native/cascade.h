// The cascade of one graph on panels; the mathematics, and why it is so, is that of `cascade.py`.
//
// Numbers at nodes are (node, panel), the panels side by side: numbers of panels are multiples of `LANES`.
// Skills come in topological order, absent ones not at all.

template <class Law>
struct Cascade {
    int64_t skills, panels = 0, stride = 0;
    Numbers edges, half, roots;            // (edge,), (panel,), (node, panel): exposures of a skill without gates
    Numbers opening, gates;                // (skill, node, panel)
    Numbers at_edges, relative, off;       // (skill, edge), and errors (skill, panel): of gates, of exposures
    Numbers demand, flow, rest, leading;   // (node, panel): of the clock, of the budget, what is left to learn, and the
                                           // largest demand of a skill
    Numbers moved, unlearned, spent, late; // (panel,), (edge,), (edge,), (panel,): what all levels may be wrong by, what
                                           // is left to learn of skills that wait, what is spent without waste, its error
    Numbers inside, gained, edge, within, behind, panel_error, gates_at_edges;
    Numbers blurs;                         // (panel,): what gates may be wrong by where exposures grow too fast for an interpolant
    Numbers open_ends, demand_ends;        // (end, panel): of a skill, how open it is at the edges of panels; what is competed for
    bool ended = false;                    // whether the latter is looked at
    std::vector<Kink> kinks;
    double jumps = 0.0;                    // what jumps of demand between two edges may do to the clock
    double bends = 0.0;                    // and what bends of gates there do to the exposures that wait, as a part of them
    Since *since = nullptr;                // where a window of a long run begins, if this is one

    Cascade(int64_t skills, int64_t panels) : skills(skills) { resize(panels); }

    // What was in it is lost.
    void resize(int64_t count) {
        panels = count, stride = count + LANES;
        edges.reserve(stride), at_edges.reserve(skills * stride), unlearned.reserve(stride), spent.reserve(stride);
        for (Numbers *each : {&opening, &gates}) each->reserve(skills * NODES * count);
        for (Numbers *each : {&relative, &off}) each->reserve(skills * count);
        for (Numbers *each : {&roots, &demand, &flow, &rest, &leading, &inside}) each->reserve(NODES * count);
        for (Numbers *each : {&half, &gained, &edge, &within, &behind, &panel_error, &moved, &late, &blurs})
            each->reserve(count);
    }

    // Openings, gates and exposures at edges; with errors those of panels as well, and kinks, and the demand if wanted.
    // Exposures below `least`, if given, decide nothing. Returns the level error.
    template <bool ERRORS = true>
    double solve(const Graph<Law> &graph, const Rule &rule, bool with_demand, double least = 0.0) {
        if (!(least > 0)) least = 1 / (10 * graph.quickest);
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector left = load(edges + p), width = load(edges + p + 1) - left;
            store(half + p, width * 0.5);
            store(panel_error + p, all(0.0)), store(blurs + p, all(0.0));
            for (int64_t node = 0; node < NODES; node++) {
                store(roots + node * panels + p, width * (0.5 * (1 + rule.places[node + 1])));
                for (Numbers *each : {&demand, &flow, &rest, &leading}) store(*each + node * panels + p, all(0.0));
            }
        }
        if (static_cast<int64_t>(graph.order.size()) < skills && !since)
            for (int64_t k = 0; k < skills * stride; k++) at_edges[k] = NAN;
        kinks.clear(), nothing_moved();
        if (since) since->idle = 0.0;
        double worst = 0.0;
        jumps = since ? since->begin.jumps : 0.0, bends = 0.0;
        const bool kinked = ERRORS && std::any_of(graph.order.begin(), graph.order.end(),
                                        [&](int64_t s) { return graph.either[s] && graph.count(s) > 1; });
        const bool paced = ERRORS && !graph.order.empty() && graph.paces[graph.order[0]].paced, edged = kinked || paced;
        if (edged) gates_at_edges.reserve(skills * stride);
        ended = paced && graph.squared && with_demand;
        for (Numbers *each : {&open_ends, &demand_ends}) {
            if (!paced) break;
            each->reserve(2 * panels);
            std::fill_n(&(*each)[0], 2 * panels, each == &open_ends ? 1.0 : 0.0);
        }
        for (int64_t s : graph.order) {
            const bool rooted = !graph.count(s);
            if (since && idles(*this, graph, s, edged)) continue;
            if (rooted) {
                double *x = at_edges + s * stride, *o = opening + s * NODES * panels;
                for (int64_t p = 0; p <= panels; p++) x[p] = edges[p];
                for (int64_t p = 0; p < NODES * panels; p++) o[p] = 1.0;
                for (int64_t p = 0; p < panels; p++) relative[s * panels + p] = off[s * panels + p] = 0.0;
                if (since) go_on(*this, s), worst = std::max(worst, slope_error(graph, rule, s));
            } else {
                integrate<ERRORS>(graph, rule, s);
                if (ERRORS && graph.either[s] && graph.count(s) > 1) add_kinks(graph, rule, s);
                if (paced) add_unseen(graph, rule, s);
                const double found = ERRORS ? estimate(graph, rule, s, least) : 0.0;
                if (!(found <= worst)) worst = found;  // not max(): a NaN must stay
            }
            if (ERRORS && graph.paces[s].paced) jumps += turn(graph, rule, s);
            if (graph.needed[s] || with_demand) follow<ERRORS>(graph, rule, s, rooted ? roots : inside, with_demand, edged);
            if (ended) add_ends(graph, s, rooted ? roots : inside, rooted);
            if (since) since->state[s] = shut(graph, s, at_edges[s * stride + panels]) ? SHUT : OPEN;
        }
        if (since) since->end.jumps = jumps;
        return ERRORS && with_demand ? with_clock(graph, rule, worst + jumps + bends, false) : worst + bends;
    }

    // `cascade.at_exponent`: this from a solved cascade at another gate exponent, `ratio` times its own; the openings
    // stay where they are. Returns the level error.
    double at_exponent(const Graph<Law> &graph, const Rule &rule, const Cascade &solved, double ratio,
                       bool with_demand) {
        const double inverse = 1 / ratio;
        ended = false;
        jumps = solved.jumps * inverse, bends = solved.bends;
        for (int64_t p = 0; p <= panels; p++) edges[p] = solved.edges[p] * inverse;
        for (int64_t p = 0; p < panels; p++) half[p] = (edges[p + 1] - edges[p]) * 0.5;
        for (int64_t p = 0; p < NODES * panels; p++) demand[p] = flow[p] = rest[p] = leading[p] = 0.0;
        nothing_moved();
        if (static_cast<int64_t>(graph.order.size()) < skills)
            for (int64_t k = 0; k < skills * stride; k++) at_edges[k] = NAN;
        double worst = 0.0;
        for (int64_t s : graph.order) {
            double *x = at_edges + s * stride;
            for (int64_t p = 0; p <= panels; p++) x[p] = solved.at_edges[s * stride + p] * inverse;
            for (int64_t p = 0; p < panels; p++) off[s * panels + p] = solved.off[s * panels + p] * inverse;
            if (graph.count(s)) {
                const double found = slope_error(graph, rule, s);
                if (!(found <= worst)) worst = found;
            }
            if (!with_demand) continue;
            const double *o = solved.opening + s * NODES * panels;
            for (int64_t p = 0; p < panels; p += LANES) {
                Vector values[NODES];
                for (int64_t node = 0; node < NODES; node++) values[node] = load(o + node * panels + p);
                Folded(values).integrals(rule, load(half + p), inside + p, panels);
            }
            add_demand(graph, s, o, inside);
        }
        return with_demand ? with_clock(graph, rule, worst + jumps + bends, true) : worst + bends;
    }

    // What is left to learn at the start of all.
    static double left_to_learn(const Graph<Law> &graph) {
        double before = 0.0;
        for (int64_t s : graph.order) {
            Vector left, more;
            graph.law.demand_and_rest(all(graph.paces[s].start), left, more);
            before += more[0];
        }
        return before;
    }

    // The panel in which a skill's exposure reaches a value; the last if none.
    int64_t panel_of(int64_t s, double wanted) const {
        const double *x = at_edges + s * stride;
        return std::clamp<int64_t>(std::upper_bound(x + 1, x + panels, wanted) - (x + 1), 0, panels - 1);
    }

  private:
    // units of effort: a layer of so many is looked at where the turn comes after as many of `THIN`
    static constexpr double THIN = 8, LAYER = 64;
    // errors: `cascade_errors.h`
    double missed_at_start(const Graph<Law> &graph, const Rule &rule, int64_t s) const;
    double estimate(const Graph<Law> &graph, const Rule &rule, int64_t s, double least);
    Vector share_of(const Graph<Law> &graph, int64_t s, int64_t f, int64_t p) const;
    Vector gate_error(const Graph<Law> &graph, const Rule &rule, int64_t s, int64_t p, const double *inner);
    double slope_error(const Graph<Law> &graph, const Rule &rule, int64_t s);
    double with_clock(const Graph<Law> &graph, const Rule &rule, double worst, bool either);
    double off_balance(const double *total, double before, bool lawful);

    // A skill's opening, the integral of it from each panel's left edge to its nodes, and over each panel.
    template <bool ERRORS>
    void integrate(const Graph<Law> &graph, const Rule &rule, int64_t s) {
        double *o = opening + s * NODES * panels, *x = at_edges + s * stride;
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector values[NODES];
            open(graph, s, gates, panels, p, values);
#pragma GCC unroll 8
            for (int64_t node = 0; node < NODES; node++) store(o + node * panels + p, values[node]);
            const Folded folded(values);
            const Vector h = load(half + p);
            folded.integrals(rule, h, inside + p, panels);
            store(gained + p, h * dot(rule.weights, folded.sums));
            if (!ERRORS) continue;
            Vector at_edge, inside_it;
            folded.missed(rule, h, at_edge, inside_it);
            store(edge + p, at_edge);
            store(within + p, inside_it);
        }
        if (ERRORS) {
            const double unseen = missed_at_start(graph, rule, s);
            edge[0] += unseen, within[0] += unseen;
        }
        x[0] = since ? since->exposure[s] : 0.0;
        for (int64_t p = 0; p < panels; p++) x[p + 1] = x[p] + gained[p];
        for (int64_t p = 1; p < LANES; p++) x[panels + p] = x[panels];
    }

    // What the integral of a maximum may miss where another gate becomes the largest; inside as well, which also tells
    // where to refine.
    void add_kinks(const Graph<Law> &graph, const Rule &rule, int64_t s) {
        const Leaders leaders{gates, gates_at_edges, graph.behind.data() + graph.begin[s],
                              graph.strength.empty() ? nullptr : graph.strength.data() + graph.begin[s],
                              graph.count(s), panels, stride};
        for (int64_t p = 0; p < panels; p += LANES) {
            double missed[LANES] = {};
            leaders.look(rule, edges, half, p, missed, kinks);
            store(edge + p, load(edge + p) + load(missed));
            store(within + p, load(within + p) + load(missed));
        }
    }

    // Between an edge and the node next to it nothing is seen. But how open a skill is at the edge is known, and where the
    // polynomial says something else, something has happened: as where a self-paced skill has become far faster.
    void add_unseen(const Graph<Law> &graph, const Rule &rule, int64_t s) {
        const bool largest_counts = graph.largest_counts(s);
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector left = all(0.0), right = all(0.0);
            for (int64_t node = 0; node < NODES; node++) {
                left += rule.left[node] * load(opening + (s * NODES + node) * panels + p);
                right += rule.left[NODES - 1 - node] * load(opening + (s * NODES + node) * panels + p);
            }
            Vector apart = all(0.0);
            for (int64_t end = 0; end < 2; end++) {
                Vector there = all(largest_counts ? 0.0 : 1.0);
                for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
                    const Vector gate = graph.needs(f, load(gates_at_edges + graph.behind[f] * stride + p + end));
                    there = largest_counts ? larger(there, gate) : there * gate;
                }
                apart += magnitude((end ? right : left) - there);
                store(open_ends + end * panels + p, there);
            }
            const Vector missed = unseen(rule, apart * load(half + p), load(within + p));
            store(edge + p, load(edge + p) + missed);
            store(within + p, load(within + p) + missed);
        }
    }

    // What is missed beside the edges of panels that are off by so much there, times half the width; none where that is what
    // the last coefficients say themselves.
    static Vector unseen(const Rule &rule, Vector off, Vector within) {
        return off > rule.constants->seen * within ? off * (1 + rule.places[1]) : all(0.0);
    }

    // What a skill asks for at both ends of panels, which no budget law checks where the clock is the integral of a root.
    void add_ends(const Graph<Law> &graph, int64_t s, const double *inner, bool rooted) {
        const double *x = at_edges + s * stride;
        const Pace &pace = graph.paces[s];
        for (int64_t p = 0; p < panels; p += LANES) {
            for (int64_t end = 0; end < 2; end++) {
                // the pace is that of the node: a skill may turn at the edge
                const Vector node = load(x + p) + load(inner + end * (NODES - 1) * panels + p);
                const Vector open = rooted ? all(1.0) : load(open_ends + end * panels + p);
                const Vector part = open * pace.pace(node) * graph.law.demand(pace.effort(load(x + p + end)));
                store(demand_ends + end * panels + p, load(demand_ends + end * panels + p) + part * part);
            }
        }
    }

    // Where a self-paced skill turns; returns what its jump in demand does to the clock if no edge is there. Its gate g bends
    // there: its slope changes by at most g times that of the logarithm of its effort, and what waits for it has gained
    // about g times half the time so far.
    double turn(const Graph<Law> &graph, const Rule &rule, int64_t s) {
        const Pace &pace = graph.paces[s];
        const double *x = at_edges + s * stride;
        if (!(pace.turn > x[0]) || !(pace.turn < x[panels]) || pace.rate == pace.after) return 0.0;
        const int64_t p = panel_of(s, pace.turn);
        Polynomial own;
        own.read(rule, opening + s * NODES * panels + p, panels, 0.0, half[p], x[p], x[p + 1]);
        const double z = invert(rule, own, pace.turn), place = edges[p] + half[p] * (1 + z);
        const double apart = half[p] * std::min(1 - z, 1 + z), change = std::abs(pace.rate - pace.after);
        kinks.push_back({place, change * place});
        add_layer(pace, rule, s, {place, change * place});
        const Vector effort = all(pace.start + pace.rate * pace.turn);
        if (graph.needed[s]) bends += change * graph.law.steepness(effort)[0] / effort[0] * apart * apart / place;
        return apart * change * graph.law.demand(effort)[0];
    }

    // A skill that goes on far faster than before is learned, and opens the way, in a layer that is thin beside the time that
    // has passed: panels that double from its scale, one unit of effort, resolve it.
    void add_layer(const Pace &pace, const Rule &rule, int64_t s, const Kink &turned) {
        const double *x = at_edges + s * stride, wanted = pace.turn + 1 / pace.after;
        if (!(pace.after * pace.turn > THIN) || !(wanted < x[panels])) return;
        const int64_t p = panel_of(s, wanted);
        Polynomial own;
        own.read(rule, opening + s * NODES * panels + p, panels, 0.0, half[p], x[p], x[p + 1]);
        const double unit = edges[p] + half[p] * (1 + invert(rule, own, wanted)) - turned.place;
        for (double many = 1; many <= LAYER && many * unit < turned.place; many *= 2)
            kinks.push_back({turned.place + many * unit, turned.weight / (1 + many)});
    }

    void nothing_moved() {
        for (int64_t p = 0; p < panels; p++) moved[p] = unlearned[p] = 0.0;
        unlearned[panels] = 0.0;
    }

    // What a skill does to the others: its gate, and its part in the demand.
    template <bool ERRORS>
    void follow(const Graph<Law> &graph, const Rule &rule, int64_t s, const double *inner, bool with_demand, bool edged) {
        if (graph.needed[s]) {
            const double *x = at_edges + s * stride, a = graph.exponent;
            double *gate = gates + s * NODES * panels;
            const double *o = opening + s * NODES * panels;
            const Pace pace = graph.paces[s];
            for (int64_t p = 0; p < panels; p += LANES) {
                const bool through = graph.law.through(a, pace.effort(x[p]));
                const Vector here = load(x + p);
                if constexpr (Law::AT_ONCE) {
                    for (int64_t node = 0; node < NODES; node++) {
                        const int64_t n = node * panels + p;
                        const Vector exposure = here + load(inner + n);
                        Vector left, more;
                        const Vector depth = graph.law.depth_demand_and_rest(pace.effort(exposure), left, more);
                        store(gate + n, saturation(a * depth));
                        if (with_demand) demand_at(graph, n, load(o + n) * pace.pace(exposure) * left, more);
                    }
                } else {
#pragma GCC unroll 8
                    for (int64_t node = 0; node < NODES; node++) {
                        const int64_t n = node * panels + p;
                        store(gate + n, through ? all(1.0) : saturation(a * graph.law.depth(pace.effort(here + load(inner + n)))));
                    }
                }
                if (!ERRORS) continue;
                store(relative + s * panels + p, gate_error(graph, rule, s, p, inner));
            }
            if (edged)
                for (int64_t p = 0; p <= panels; p += LANES)
                    store(gates_at_edges + s * stride + p, saturation(a * graph.law.depth(pace.effort(load(x + p)))));
        }
        if (with_demand && !(Law::AT_ONCE && graph.needed[s])) add_demand(graph, s, opening + s * NODES * panels, inner);
    }

    void add_demand(const Graph<Law> &graph, int64_t s, const double *o, const double *inner) {
        const Pace pace = graph.paces[s];
        const double *x = at_edges + s * stride;
        // what is learned demands nothing any more, here and in all panels to come
        for (int64_t p = 0; p < panels && !graph.law.learned(pace.effort(x[p])); p += LANES) {
            const Vector here = load(x + p);
#pragma GCC unroll 8
            for (int64_t node = 0; node < NODES; node++) {
                const int64_t n = node * panels + p;
                const Vector exposure = here + load(inner + n);
                Vector left, more;
                graph.law.demand_and_rest(pace.effort(exposure), left, more);
                demand_at(graph, n, load(o + n) * pace.pace(exposure) * left, more);
            }
        }
    }

    // Adds what a skill demands at a node of a vector of panels, and what it has left to learn.
    inline void demand_at(const Graph<Law> &graph, int64_t n, Vector part, Vector more) {
        store(demand + n, load(demand + n) + (graph.squared ? part * part : part));
        if (graph.squared) store(flow + n, load(flow + n) + part);
        store(rest + n, load(rest + n) + more);
        store(leading + n, larger(part, load(leading + n)));
    }
};
