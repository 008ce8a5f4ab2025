// One graph as a thread walks it: skills in topological order, absent ones not at all; and where the edges of its panels
// lie.
//
// What the loops keep for all panels side by side (`graph.h`, `edges.h`, `solver.h`) is here found again panel by panel,
// since a thread of a GPU has little memory of its own; the mathematics and its constants are theirs.

constexpr int MOST_COARSE = 32;

// The arrays of a call, rows one after the other, and its numbers.
struct Given {
    const int32_t *prerequisites, *depth;
    const uint8_t *required, *present;
    const Real *frequency, *level, *exponent, *tolerance, *rate, *waste;
    int64_t rows;
    int skills, fan_in, clocks;
    int panels, coarse_panels, most_panels, attempts;
    double made_for;
    Constants by;
    Rule rule;
};

INLINE int lowest(uint32_t bits) {
#if defined(__CUDA_ARCH__)
    return __ffs(static_cast<int>(bits)) - 1;
#else
    return __builtin_ctz(bits);
#endif
}

// What any thread of those that walk together has set: so that all of them read the same places.
INLINE uint32_t of_any(uint32_t bits) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    return __reduce_or_sync(__activemask(), bits);
#else
    return bits;
#endif
}

INLINE bool finite(Real x) { return x - x == 0; }

// A measure of resource time, at coarse edges, in which panels are even (`even_edges`); what is given to it in the end.
struct Measure {
    Real along[MOST_COARSE + 1], at[MOST_COARSE + 1];
    Real scale, last;  // what logarithmic time begins at; the last edge
    int until;         // its number

    // The edges one after the other.
    struct Edges {
        const Measure &measure;
        int panels, number = 0, below = 0;
        Real step;

        SHARED Edges(const Measure &measure, int panels)
            : measure(measure), panels(panels), step(measure.at[measure.until] / panels) {}
        SHARED Real next() {
            if (++number >= panels) return measure.last;
            const Real wanted = step * number;
            while (below < measure.until - 1 && measure.at[below + 1] <= wanted) below++;
            const Real part = (wanted - measure.at[below]) / (measure.at[below + 1] - measure.at[below]);
            const Real along = measure.along[below] + part * (measure.along[below + 1] - measure.along[below]);
            return measure.scale * std::expm1(along);
        }
    };
};

template <class Law, int ROOM>
struct WalkedGraph {
    static constexpr int WORDS = (ROOM + 31) / 32;
    Law law;
    int count;
    Real exponent, tolerance, fastest, quickest;
    Real rate[ROOM], start[ROOM];
    uint32_t before[ROOM][WORDS], needed[WORDS];
    int16_t skill[ROOM];  // the number of each

    SHARED bool waits(int k) const {
        uint32_t some = 0;
        for (int w = 0; w < WORDS; w++) some |= before[k][w];
        return some != 0;
    }
    SHARED int number_before(int k) const {
        int found = 0;
        for (int w = 0; w < WORDS; w++)
            for (uint32_t left = before[k][w]; left; left &= left - 1) found++;
        return found;
    }
    SHARED bool is_needed(int k) const { return needed[k / 32] >> (k % 32) & 1; }
    SHARED Real effort(int k, Real x) const { return start[k] + rate[k] * x; }
    // exposure at which an effort is there, negative if it is at the start
    SHARED Real exposure_at(int k, Real goal) const { return (goal - start[k]) / rate[k]; }

    // `act(j, mine)` for all before a skill, and some more where threads walk together.
    template <class Act>
    SHARED void each_before(int k, const Act &act) const {
        for (int w = 0; w <= k / 32; w++) {
            const uint32_t own = before[k][w];
            for (uint32_t left = of_any(own); left; left &= left - 1) {
                const int bit = lowest(left);
                act(32 * w + bit, own >> bit & 1);
            }
        }
    }

    // The product of the gates before a skill, at nodes.
    template <int COUNT>
    SHARED void open(int k, const Real (*gates)[COUNT], Vector (&values)[COUNT]) const {
        for (int node = 0; node < COUNT; node++) values[node] = all(1.0);
        each_before(k, [&](int j, bool mine) {
            for (int node = 0; node < COUNT; node++) {
                const Vector opened = values[node] * load(&gates[j][node]);
                values[node] = mine ? opened : values[node];
            }
        });
    }

    // Whether there is anything to solve.
    SHARED bool read(const Given &given, int64_t row) {
        const int skills = given.skills;
        const int32_t *depth = given.depth + row * skills;
        const uint8_t *present = given.present + row * skills;
        int16_t place[ROOM], next[ROOM + 1];
        exponent = given.exponent[row], tolerance = given.tolerance[row];
        count = 0, fastest = 0;
        bool sound = exponent > 0 && finite(exponent) && tolerance > 0;
        for (int s = 0; s <= skills; s++) next[s] = 0;
        for (int s = 0; s < skills && sound; s++) {
            if (!present[s]) continue;
            sound = depth[s] >= 0 && depth[s] < skills;
            if (sound) next[depth[s] + 1]++, count++;
        }
        if (!sound || !count) return false;
        for (int s = 0; s < skills; s++) next[s + 1] += next[s];
        for (int s = 0; s < skills; s++) {
            if (!present[s]) continue;
            const int k = next[depth[s]]++;
            skill[k] = s, place[s] = k;
            rate[k] = given.frequency[row * skills + s];
            start[k] = static_cast<Real>(law.effort_at(given.level[row * skills + s]));
            sound = sound && rate[k] > 0 && finite(rate[k]) && start[k] >= 0 && finite(start[k]);
            fastest = larger(fastest, rate[k]);
        }
        sound = sound && read_before(given, row, depth, present, place);
        bool joined = false;
        for (int w = 0; w < WORDS; w++) joined |= needed[w] != 0;
        quickest = fastest * (joined ? larger(exponent, static_cast<Real>(1)) : 1);
        return sound;
    }

    // A resource time by which every effort is at its goal (`Solver::reach`).
    SHARED Real reach(Real goal) const {
        const Real root = std::pow(HUGE_NUMBER, static_cast<Real>(0.4)), huge = root * root;
        const Real gate = first(saturation(all(exponent)));
        Real begins[2][ROOM], slows[2][ROOM], latest = 0;
        for (int k = 0; k < count; k++) {
            const Real wanted = larger(exposure_at(k, goal), 0);
            const int many = number_before(k);
            begins[0][k] = begins[1][k] = 0, slows[0][k] = slows[1][k] = 1;
            Real best = many ? huge : wanted;
            for (int line = 0; line < (many ? 2 : 0); line++) {
                const Real depth = line ? std::log(static_cast<Real>(many + 1)) / exponent : 1;
                const Real open = line ? many / static_cast<Real>(many + 1) : gate;
                const Real effort = static_cast<Real>(law.effort_of_depth(depth));
                Real from = 0, slow = 1;
                each_before(k, [&](int j, bool mine) {
                    if (!mine) return;
                    const Real missing = larger(exposure_at(j, effort), 0);
                    const Real by_first = begins[0][j] + slows[0][j] * missing;
                    const Real reached = smaller(by_first, begins[1][j] + slows[1][j] * missing);
                    from = larger(from, smaller(reached, huge));
                    slow = smaller(slow / open, huge);
                });
                begins[line][k] = from, slows[line][k] = slow;
                best = smaller(best, from + slow * smaller(wanted, root));
            }
            latest = larger(latest, smaller(best, huge));
        }
        return latest;
    }

    // The measure up to a resource time, or with `timed` a little beyond where all efforts are at a goal; returns how
    // many panels it is to be divided into (`panels_for`).
    SHARED int measure(const Given &given, Real last, bool timed, Real goal, Measure &to) const {
        const Constants &by = given.by;
        const Rule &rule = given.rule;
        const int coarse = given.coarse_panels;
        const Real per_through = static_cast<Real>(1 / (by.learned + by.open / exponent));
        const Real per_begin = static_cast<Real>(1 / by.begins);
        const Real each = static_cast<Real>(by.many < count ? by.many / count : 1.0);
        const Real part = static_cast<Real>(by.part) * each, most = static_cast<Real>(SINGLE ? 1e25 : 1e200);
        Real x[ROOM], gates[ROOM][COARSE_NODES], left = 0;
        to.scale = 1 / quickest;
        const Real step = std::log1p(last / to.scale) / coarse;
        to.along[0] = to.at[0] = 0, to.until = 0;
        for (int k = 0; k < count; k++) x[k] = 0;
        for (bool there = false; to.until < coarse && !there;) {
            const int number = ++to.until;
            const Real right = number == coarse ? last : to.scale * std::expm1(step * number), half = (right - left) / 2;
            Real total = 0, product = 1;
            there = timed;
            for (int k = 0; k < count; k++) {
                there = there && !(rate[k] * x[k] < goal - start[k]);
                Vector values[COARSE_NODES];
                open(k, gates, values);
                const Vector at = all(x[k]);
                if (is_needed(k))
                    for (int node = 0; node < COARSE_NODES; node++) {
                        const Vector inner = half * dot(rule.coarse_cumulative + node * COARSE_NODES, values);
                        const Vector effort = start[k] + rate[k] * (at + not_negative(inner));
                        store(&gates[k][node], saturation(exponent * law.depth(effort)));
                    }
                x[k] += first(half * dot(rule.coarse_weights, values));
                const Real grown = rate[k] * x[k];
                product *= (1 + grown * per_begin) / (1 + grown * per_through);
                // one logarithm for as many factors as a number holds
                if (product > most) total += std::log(product), product = 1;
            }
            to.along[number] = step * number;
            to.at[number] = to.along[number] + (total + std::log(product)) * part;
            to.last = left = right;
        }
        const double finer = std::pow(given.made_for / (tolerance > 1e-30 ? tolerance : 1e-30), 1.0 / 15);
        const double vectors = std::ceil(given.panels * finer / TOGETHER - 1e-3);
        const double most_vectors = given.most_panels / TOGETHER;
        const double usual = TOGETHER * (vectors < 1 ? 1 : vectors < most_vectors ? vectors : most_vectors);
        double steep = 0;
        for (int k = 0; k < count; k++) {
            const Real grown = rate[k] * x[k];
            const int many = number_before(k);
            if (many) steep += many * std::log((1 + grown * per_begin) / (1 + grown * per_through));
        }
        const double wanted = usual * (by.fewer + by.steeper * each * steep);
        if (!(wanted > usual)) return static_cast<int>(usual);
        if (wanted >= given.most_panels) return given.most_panels;
        return (static_cast<int>(wanted) + TOGETHER - 1) / TOGETHER * TOGETHER;
    }

  private:
    // the loops have as many panels in a vector: theirs and these are then the same
    static constexpr int TOGETHER = 4;

    SHARED bool read_before(const Given &given, int64_t row, const int32_t *depth, const uint8_t *present,
                            const int16_t *place) {
        const int skills = given.skills, fan_in = given.fan_in;
        bool sound = true;
        for (int w = 0; w < WORDS; w++) needed[w] = 0;
        for (int k = 0; k < count; k++) {
            for (int w = 0; w < WORDS; w++) before[k][w] = 0;
            const int64_t from = (row * skills + skill[k]) * fan_in;
            for (int f = 0; f < fan_in; f++) {
                if (!given.required[from + f]) continue;
                const int b = given.prerequisites[from + f];
                // what is not there, or comes later, would be read before it is written
                const bool fits = b >= 0 && b < skills && present[b] && depth[b] < depth[skill[k]];
                sound = sound && fits;
                if (!fits) continue;
                before[k][place[b] / 32] |= 1u << (place[b] % 32);
                needed[place[b] / 32] |= 1u << (place[b] % 32);
            }
        }
        return sound;
    }
};
