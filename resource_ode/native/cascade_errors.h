// What a cascade may be wrong by: gates, exposures, levels, and the clock.

// What the integral of an opening may miss before the first node of all: how open it is at 0 is known, and where the
// polynomial says something else, something has happened in between.
template <class Law>
double Cascade<Law>::missed_at_start(const Graph<Law> &graph, const Rule &rule, int64_t s) const {
    const bool largest_counts = graph.largest_counts(s);
    double at_start = largest_counts ? 0.0 : 1.0, found = 0.0;
    for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
        const Pace &pace = graph.paces[graph.behind[f]];
        const double start = since ? pace.effort(since->exposure[graph.behind[f]]) : pace.start;
        const double own = start > 0 ? saturation(graph.exponent * graph.law.depth(all(start)))[0] : 0.0;
        const double gate = graph.needs(f, all(own))[0];
        at_start = largest_counts ? std::max(at_start, gate) : at_start * gate;
    }
    for (int64_t node = 0; node < NODES; node++) found += rule.left[node] * opening[(s * NODES + node) * panels];
    return std::abs(found - at_start) * half[0] * (1 + rule.places[1]);
}

// Errors of a skill's exposure: its own and, to first order, those of what it waits for. Returns the level error.
template <class Law>
double Cascade<Law>::estimate(const Graph<Law> &graph, const Rule &rule, int64_t s, double least) {
    const double *x = at_edges + s * stride;
    for (int64_t p = 0; p < panels; p += LANES) {
        Vector total = all(0.0);
        for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
            const int64_t b = graph.behind[f];
            const Vector wrong = load(relative + b * panels + p);
            // that of a product is the sum; a maximum moves by no more than the gate that is most wrong
            if (graph.largest_counts(s)) {
                const Vector part = wrong * share_of(graph, s, f, p);
                total = part > total ? part : total == total && part == part ? total : total + part;  // NaN stays
            } else {
                total += wrong;
            }
        }
        store(behind + p, load(edge + p) + load(gained + p) * (total + ROUNDING));
    }
    double wrong = since ? since->off[s] : 0.0;
    for (int64_t p = 0; p < panels; p++) edge[p] = wrong += behind[p];
    if (since) since->wrong[s] = wrong;
    for (int64_t p = 0; p < panels; p += LANES) {
        const Vector left = load(x + p), reached = load(x + p + 1), e = load(edge + p), w = load(within + p);
        // an error that came in is a larger part of the exposure in the middle than at the end
        const Vector grown = load(inside + (NODES / 2) * panels + p), more = load(gained + p), own = load(behind + p);
        const Vector middle = left + grown, part = more > 0 ? grown / (more > 0 ? more : all(1.0)) : all(1.0);
        const Vector share = smaller(all(1.0), ((e - own) + part * own) / middle);  // NaN stays
        store(relative + s * panels + p, reached > 0 ? (middle > 0 ? share : all(1.0)) : all(0.0));
        store(off + s * panels + p, e + w);
        store(panel_error + p, larger(load(panel_error + p), w / (reached + least)));
    }
    return slope_error(graph, rule, s);
}

// How large a gate is, in a vector of panels, beside the opening of a skill that waits for it: at most.
template <class Law>
Vector Cascade<Law>::share_of(const Graph<Law> &graph, int64_t s, int64_t f, int64_t p) const {
    const int64_t b = graph.behind[f];
    Vector most = all(0.0);
    for (int64_t node = 0; node < NODES; node++) {
        const Vector whole = load(opening + (s * NODES + node) * panels + p);
        const Vector gate = graph.needs(f, load(gates + (b * NODES + node) * panels + p));
        most = larger(whole > 0 ? gate / (whole > 0 ? whole : all(1.0)) : all(1.0), most);
    }
    return most;
}

// The relative error of a skill's gate in a vector of panels: to first order from that of its exposure in the middle; and
// where the interpolant may be wrong inside by as much as it is large, each node counts by itself.
template <class Law>
Vector Cascade<Law>::gate_error(const Graph<Law> &graph, const Rule &rule, int64_t s, int64_t p, const double *inner) {
    const Constants &by = *rule.constants;
    const double *x = at_edges + s * stride, a = graph.exponent;
    const Pace &pace = graph.paces[s];
    const Vector here = load(x + p), first = here + load(inner + p);
    const auto gate_at = [&](int64_t node) { return load(gates + (s * NODES + node) * panels + p); };
    const auto steepness = [&](Vector exposure, Vector ajar) {
        return ajar > 0 ? a * graph.law.depth(pace.effort(exposure)) * (1.0 - ajar) / (ajar > 0 ? ajar : all(1.0)) : all(1.0);
    };
    Vector growth = all(1.0);
    const Vector effort = pace.effort(first);
    if (since && pace.start > 0)
        growth = smaller(std::max(pace.rate, pace.after) * load(x + p + 1) / effort, all(pace.paced ? INFINITY : 1.0));
    else if (pace.paced) growth = effort > 0 ? larger(pace.pace(first) * first / effort, all(1.0)) : all(1.0);
    if (Law::GROWS) {
        const Vector last = pace.effort(here + load(inner + (NODES - 1) * panels + p));
        growth *= larger(graph.law.steepness(effort), graph.law.steepness(last));
    }
    Vector wrong = load(relative + s * panels + p), steep = steepness(first, gate_at(0));
    const Integers doubtful = wrong > by.doubtful;
    if (any(doubtful)) {
        // it may be less open than it seems, and then it changes more
        const Vector least = first * (1.0 - wrong);
        steep = doubtful ? larger(steep, steepness(least, saturation(a * graph.law.depth(pace.effort(least))))) : steep;
    }
    wrong *= steep * growth;
    const Vector most = (graph.count(s) ? load(within + p) : all(0.0)) * (by.blur * std::max(pace.rate, pace.after)) * growth;
    if (!any(most > effort * by.doubtful)) return wrong;
    Vector blurred = all(0.0), whole = all(TINY);
    for (int64_t node = 0; node < NODES; node++) {
        const Vector z = pace.effort(here + load(inner + node * panels + p)), weight = rule.weights[node] * gate_at(node);
        const Vector part = most > z * by.doubtful ? (most < z ? most / z : all(1.0)) : all(0.0);
        blurred += weight * part, whole += weight;
    }
    // such errors go up and down, and to first order integrate to nothing
    blurred /= whole, blurred *= blurred;
    store(blurs + p, larger(load(blurs + p), blurred));
    return larger(wrong, blurred);
}

// The error of a skill's level from that of its exposure.
template <class Law>
double Cascade<Law>::slope_error(const Graph<Law> &graph, const Rule &rule, int64_t s) {
    const Pace pace = graph.paces[s];
    Vector most = all(0.0), total = all(0.0), part, more;
    for (int64_t p = 0; p < panels; p += LANES) {
        const Vector x = load(at_edges + s * stride + p);
        graph.law.demand_and_rest(pace.effort(x), part, more);
        // demand that grows before it falls may be larger inside the panel
        if (Law::GROWS)
            part = graph.law.largest_demand(pace.effort(x), pace.effort(load(at_edges + s * stride + p + 1)));
        const Vector moves = load(off + s * panels + p), doubtful = rule.constants->doubtful * x;
        if (any(moves > doubtful)) {
            // of what may be less than it seems, more may be left
            const Vector lower = graph.law.demand(pace.effort(larger(x - moves, all(0.0))));
            part = moves > doubtful ? larger(part, lower) : part;
        }
        const Vector wrong = pace.pace(x) * part * moves;
        most = larger(most, wrong);
        total += wrong;
        store(moved + p, load(moved + p) + wrong);
        store(unlearned + p, load(unlearned + p) + more);
    }
    graph.law.demand_and_rest(all(pace.effort(at_edges[s * stride + panels])), part, more);
    unlearned[panels] += more[0];
    return std::isnan(sum(total)) ? sum(total) : largest(most);
}

// The level error and, with it, what the clock may be wrong by, anywhere; the errors of the panels gain theirs, or
// become the larger of the two. An estimate sees nothing of what happens between two nodes. The budget law does: at
// every node what was demanded up to there is what was learned (`errors.off_balance`), whatever the competition.
template <class Law>
double Cascade<Law>::with_clock(const Graph<Law> &graph, const Rule &rule, double worst, bool either) {
    double total = 0.0, most = 0.0, before = 0.0, shifted = 0.0, entered = 0.0;
    if (since) {
        total = since->begin.late, entered = since->begin.entered, before = since->before - since->idle;
    } else {
        before = left_to_learn(graph);
    }
    const double *all_of_it = graph.squared ? flow : demand;
    for (int64_t p = 0; p < panels; p += LANES) {
        Vector values[NODES], parts[NODES], at_edge, inside_it;
        for (int64_t node = 0; node < NODES; node++) {
            values[node] = load(demand + node * panels + p), parts[node] = load(all_of_it + node * panels + p);
            if (graph.squared) values[node] = root(values[node]);
        }
        const Vector h = load(half + p);
        Folded(values).missed(rule, graph.squared ? h * rule.constants->root_doubt : h, at_edge, inside_it);
        if (ended) {
            Vector left = -root(load(demand_ends + p)), right = -root(load(demand_ends + panels + p));
            for (int64_t node = 0; node < NODES; node++)
                left += rule.left[node] * values[node], right += rule.left[NODES - 1 - node] * values[node];
            const Vector missed = unseen(rule, (magnitude(left) + magnitude(right)) * h, inside_it);
            at_edge += missed, inside_it += missed;
        }
        // the clock carries the errors of all skills to each of them: a skill gets its share of what all have
        // learned too much, at most all; without the budget law an error that has entered the clock stays there
        Vector share = all(0.0), carried = load(moved + p);
        for (int64_t node = 0; node < NODES; node++)
            share = larger(share, smaller(all(1.0), load(leading + node * panels + p) / (values[node] + TINY)));
        for (int64_t lane = 0; lane < LANES && graph.squared; lane++)
            carried[lane] = entered = std::max(entered, carried[lane]);
        shifted = std::max(shifted, largest(share * carried));
        store(spent + p + 1, h * dot(rule.weights, values));
        for (int64_t lane = 0; lane < LANES; lane++) late[p + lane] = (total += at_edge[lane]) + inside_it[lane];
        most = std::max(most, largest(inside_it));
        const Folded folded(parts);
        folded.integrals(rule, h, inside + p, panels);
        store(gained + p, h * dot(rule.weights, folded.sums));
        const Vector own = load(panel_error + p);
        store(panel_error + p, either ? larger(own, inside_it) : own + inside_it);
    }
    spent[0] = 0.0;
    for (int64_t p = 0; p < panels; p++) spent[p + 1] += spent[p];
    if (since) {
        since->end.late = total, since->end.entered = entered;
        since->end.integral = since->begin.integral + spent[panels];
    }
    const double unbalanced = off_balance(all_of_it, before, !graph.squared);
    const double estimate = worst + total + most + shifted;
    return unbalanced > estimate || std::isnan(unbalanced) ? unbalanced : estimate;
}

// A difference in what was spent moves a level by its share of that: the largest, here or at the node before. Where the
// budget law checks a run, the difference itself counts, relative to what was spent if that is above 1.
template <class Law>
double Cascade<Law>::off_balance(const double *total, double before, bool lawful) {
    double paid = 0.0, unbalanced = 0.0, last = 0.0, share = 1.0;
    if (since) paid = since->begin.paid, last = since->begin.last, share = since->begin.share;
    for (int64_t p = 0; p < panels; p++) {
        double here = 0.0;
        for (int64_t node = 0; node < NODES; node++) {
            const int64_t n = node * panels + p;
            const double off = paid + inside[n] + rest[n] - before, own = leading[n] / (total[n] + TINY);
            const double wider = std::max(share, own);
            const double whole = lawful ? 1 / std::max(paid + inside[n], 1.0) : 0.0;
            const double counts = std::abs(off) * std::max(wider, whole);
            if (!(counts <= unbalanced)) unbalanced = counts;
            here = std::max(here, std::abs(off - last) * wider);
            share = own;
            if (node == NODES - 1) last = off;
        }
        paid += gained[p];
        panel_error[p] = std::max(panel_error[p], here);
    }
    if (since) since->end.paid = paid, since->end.last = last, since->end.share = share;
    return unbalanced;
}
