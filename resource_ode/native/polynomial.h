// The interpolant in a panel: integrals of what is given at the nodes, and where these reach a value.

// Product of a matrix's row with the values at the nodes, in a vector of panels.
template <int64_t COUNT>
INLINE Vector dot(const Real *row, const Vector (&values)[COUNT]) {
    Vector total = row[0] * values[0];
#pragma GCC unroll 8
    for (int64_t node = 1; node < COUNT; node++) total += row[node] * values[node];
    return total;
}

// Zero in place of what is below it: where a polynomial overshoots (`cascade._integrals`); NaN stays.
INLINE Vector not_negative(Vector x) { return x < 0 ? all(0.0) : x; }

// Values at the nodes of a vector of panels as sums and differences of mirror images: the nodes lie symmetrically, so that a
// Legendre polynomial acts on one of the two only.
struct Folded {
    Vector sums[NODES / 2], differences[NODES / 2];

    SHARED explicit inline Folded(const Vector (&values)[NODES]) {
#pragma GCC unroll 4
        for (int64_t node = 0; node < NODES / 2; node++) {
            sums[node] = values[node] + values[NODES - 1 - node];
            differences[node] = values[node] - values[NODES - 1 - node];
        }
    }

    // Integrals from the left edge to the nodes, times half the width.
    SHARED inline void integrals(const Rule &rule, Vector half, Real *to, int64_t step) const {
        const Vector whole = half * dot(rule.weights, sums);
#pragma GCC unroll 4
        for (int64_t node = 0; node < NODES / 2; node++) {
            const Vector even = half * dot(rule.even + node * (NODES / 2), sums);
            const Vector odd = half * dot(rule.odd + node * (NODES / 2), differences);
            store(to + node * step, not_negative(odd + even));
            store(to + (NODES - 1 - node) * step, not_negative(odd + (whole - even)));
        }
    }

    // What the integral may be wrong by at the right edge, and on top of it inside (`cascade._missed`).
    SHARED inline void missed(const Rule &rule, Vector half, Vector &edge, Vector &within) const {
        const Vector fourth = magnitude(dot(rule.tail, sums)), third = magnitude(dot(rule.tail + NODES, differences));
        const Vector second = magnitude(dot(rule.tail + 2 * NODES, sums)) * 0.25;
        Vector size = larger(magnitude(dot(rule.tail + 3 * NODES, differences)), second);
        const Vector share = size / (larger(larger(fourth, third), size) + TINY);
        size *= half;
        edge = size * share * share * 0.5;
        within = size * share * 0.25;
    }
};

// An integral of values at the nodes, in one panel: at its left edge, at the nodes, at its right edge; and the
// coefficients of its powers, of which the first is without what came before the panel.
struct Polynomial {
    static constexpr int64_t AT = NODES / LANES, POWERS = NODES / LANES + 1, PADDED = NODES + MOST_LANES;
    Real knots[NODES + 1 + LANES], powers[NODES + LANES];

    SHARED inline void read(const Rule &rule, const Real *values, int64_t step, Real constant, Real half, Real base,
                            Real end) {
        Vector at[AT], power[POWERS];
        for (int64_t k = 0; k < AT; k++) at[k] = all(base);
        for (int64_t k = 0; k < POWERS; k++) power[k] = all(0.0);
#pragma GCC unroll 8
        for (int64_t node = 0; node < NODES; node++) {
            const Real local = (values[node * step] + constant) * half;
            const Real *to_node = rule.to_nodes + node * NODES, *to_power = rule.to_powers + node * PADDED;
            for (int64_t k = 0; k < AT; k++) at[k] += local * load(to_node + k * LANES);
            for (int64_t k = 0; k < POWERS; k++) power[k] += local * load(to_power + k * LANES);
        }
        knots[0] = base;
        for (int64_t k = 0; k < AT; k++) store(knots + 1 + k * LANES, at[k]);
        knots[NODES + 1] = end;
        for (int64_t k = 0; k < POWERS; k++) store(powers + k * LANES, power[k]);
    }
};

// Where polynomials reach their targets, by Newton's method from the chord between two nodes, as in
// `cascade.invert_primitive`. Each lane may have a polynomial of its own; two vectors at a time, since a chain
// of operations takes longer than their number.
template <class Knot, class Power>
INLINE void invert(const Rule &rule, const Knot &knot, const Power &power, const Vector (&target)[2],
                   Vector (&place)[2]) {
    Vector low[2], high[2], missing[2];
#pragma GCC unroll 2
    for (int64_t v = 0; v < 2; v++) {
        Vector below = knot(v, 0), above = knot(v, 1);
        low[v] = all(rule.places[0]), high[v] = all(rule.places[1]), missing[v] = below - target[v];
#pragma GCC unroll 8
        for (int64_t node = 1; node <= NODES; node++) {
            const Integers past = knot(v, node) <= target[v];
            low[v] = past ? all(rule.places[node]) : low[v];
            high[v] = past ? all(rule.places[node + 1]) : high[v];
            below = past ? knot(v, node) : below;
            above = past ? knot(v, node + 1) : above;
        }
        const Vector rise = above - below, part = (target[v] - below) / (rise > 0 ? rise : all(1.0));
        place[v] = low[v] + (high[v] - low[v]) * (rise > 0 ? smaller(larger(part, all(0.0)), all(1.0)) : all(0.0));
    }
    // a few steps, but from far above a small root of high order each comes only a part nearer
    for (int64_t step = 0; step <= MOST_NEWTON_STEPS; step++) {
        Vector value[2] = {power(0, NODES), power(1, NODES)}, slope[2] = {all(0.0), all(0.0)}, change[2];
#pragma GCC unroll 8
        for (int64_t k = NODES - 1; k >= 0; k--)
#pragma GCC unroll 2
            for (int64_t v = 0; v < 2; v++) {
                slope[v] = slope[v] * place[v] + value[v];
                value[v] = value[v] * place[v] + power(v, k);
            }
#pragma GCC unroll 2
        for (int64_t v = 0; v < 2; v++) {
            const Integers rising = slope[v] > 0;
            change[v] = rising ? (value[v] + missing[v]) / (rising ? slope[v] : all(1.0)) : all(0.0);
            place[v] -= change[v];
        }
        for (int64_t v = 0; v < 2; v++) {
            // NaN stays
            place[v] = place[v] < low[v] ? low[v] : place[v];
            place[v] = place[v] > high[v] ? high[v] : place[v];
        }
        // the next change would be of the order of the square
        if (largest(larger(magnitude(change[0]), magnitude(change[1]))) < SETTLED) break;
    }
}

// Where one polynomial reaches one value.
SHARED inline Real invert(const Rule &rule, const Polynomial &polynomial, Real wanted) {
    const Vector target[2] = {all(wanted), all(wanted)};
    Vector place[2];
    invert(
        rule, [&](int64_t, int64_t node) { return all(polynomial.knots[node]); },
        [&](int64_t, int64_t power) { return all(polynomial.powers[power]); }, target, place);
    return first(place[0]);
}

// Weight of each node in the integral up to a place, times half the width of the panel. Nodes lie symmetrically: the
// even powers of a node's weight are those of its mirror image with the other sign.
INLINE void weigh(const Rule &rule, Vector place, Vector half, Real (*weights)[LANES]) {
    const Vector square = place * place;
#pragma GCC unroll 4
    for (int64_t node = 0; node < NODES / 2; node++) {
        const Real *power = rule.powers + node;
        Vector odd = all(power[(NODES - 1) * NODES]), even = all(power[NODES * NODES]);
#pragma GCC unroll 4
        for (int64_t k = NODES - 2; k > 0; k -= 2) {
            odd = odd * square + power[(k - 1) * NODES];
            even = even * square + power[k * NODES];
        }
        odd *= place, even = even * square + power[0];
        store(weights[node], half * (odd + even));
        store(weights[NODES - 1 - node], half * (odd + (rule.weights[node] - even)));
    }
}

// Its derivative by the place, without the width: weights of the values at the nodes in the interpolant itself.
INLINE void weigh_values(const Rule &rule, Vector place, Real (*weights)[LANES]) {
    for (int64_t node = 0; node < NODES; node++) {
        const Real *power = rule.powers + node;
        Vector value = all(power[NODES * NODES] * NODES);
#pragma GCC unroll 8
        for (int64_t k = NODES - 1; k > 0; k--) value = value * place + power[k * NODES] * static_cast<double>(k);
        store(weights[node], value);
    }
}
