// One row of a batch: its skills in topological order, absent ones not at all, and what each of them waits for.

// How a skill's exposure x becomes effort: in proportion, and for a self-paced one with a knee where it turns.
struct Pace {
    double start, rate, turn, after;
    bool paced;

    inline Vector effort(Vector x) const {
        if (!paced) return start + rate * x;
        // in this order NaN stays NaN
        const Vector before = smaller(all(turn), x), beyond = larger(x - turn, all(0.0));
        return start + rate * before + after * beyond;
    }
    inline Vector pace(Vector x) const { return !paced ? all(rate) : x < turn ? all(rate) : all(after); }
    double effort(double x) const { return effort(all(x))[0]; }
    // exposure at which the effort is there, negative if it is at the start
    double exposure_at(double effort) const {
        const double grown = effort - start;
        return paced && grown > rate * turn ? turn + (grown - rate * turn) / after : grown / rate;
    }
    double slowest() const { return paced ? std::min(rate, after) : rate; }
};

template <class Law>
struct Graph {
    Law law;
    std::vector<int64_t> order, begin, behind;
    // how much a skill needs each of those before it, beside `behind`; empty where it needs all of them wholly
    std::vector<double> strength;
    // and where among all of its row these are
    std::vector<int64_t> strength_at;
    std::vector<uint8_t> needed;
    std::vector<Pace> paces;
    const uint8_t *either = nullptr;
    const double *level = nullptr;
    int64_t skills = 0;
    double exponent = 0, largest_exponent = 0, fastest = 0, quickest = 0, tolerance = 0;
    // whether its numbers are such that there is anything to solve: under a trace nobody has looked
    bool sound = false;
    bool squared = false, begun = false;
    // which skills stand still; empty where none can
    std::vector<uint8_t> stands;

    void read(const Batch &batch, int64_t row) {
        skills = batch.skills, squared = batch.squared, begun = batch.standing > 0;
        tolerance = *batch.tolerance.at(row);
        exponent = *batch.solved.at(row), largest_exponent = 0.0;
        for (int64_t e = 0; e < batch.groups; e++)
            largest_exponent = std::max(largest_exponent, *batch.exponent.at(row, e));
        either = batch.either.at(row), level = batch.level.at(row);
        const uint8_t *present = batch.present.at(row);
        const int32_t *depth = batch.depth.at(row);
        sound = positive(exponent) && std::isfinite(largest_exponent) && tolerance > 0;
        if (batch.slow) {
            const double plateau = *batch.plateau.at(row);
            sound = sound && plateau > 0 && plateau <= 1;
            law.read(sound ? plateau : 1.0);
        }
        read_paces(batch.frequency.at(row), batch.after.at(row), present, batch.paced);
        read_behind(batch.prerequisites.at(row), batch.required.at(row),
                    batch.soft ? batch.strength.at(row) : nullptr, depth, present, batch.fan_in);
        // one over the resource time in which the first skill is learned, or opens the way for others
        quickest = fastest * (behind.empty() ? 1.0 : std::max(exponent, 1.0));
        in_order(depth, present);
        stands.clear();
        if (begun) find_standing(batch.standing * fastest);
    }

    bool standing(int64_t s) const { return !stands.empty() && stands[s]; }
    // The exposure at which a skill's effort is at a goal, not positive where there is none to wait for.
    double wanted(int64_t s, double goal) const { return standing(s) ? 0.0 : paces[s].exposure_at(goal); }
    // How far a skill that stands still opens the way for one that needs it, at `f` in `behind`.
    double open_by_standing(int64_t f) const {
        const Vector effort = all(paces[behind[f]].start);
        return needs(f, saturation(exponent * law.depth(effort)))[0];
    }

    int64_t count(int64_t s) const { return begin[s + 1] - begin[s]; }
    // the gate of one of those before a skill as far as the skill needs it: `f` is its place in `behind`
    inline Vector needs(int64_t f, Vector gate) const {
        return strength.empty() ? gate : (1.0 - strength[f]) + strength[f] * gate;
    }
    // The derivative of the logarithm of that, by the gate's logarithm and by the strength.
    inline void needs_slopes(int64_t f, Vector gate, Vector needed, Vector &by_gate, Vector &by_strength) const {
        const Vector sound = needed > 0 ? needed : all(1.0);
        by_gate = needed > 0 ? strength[f] * gate / sound : all(0.0);
        by_strength = needed > 0 ? (gate - 1.0) / sound : all(0.0);
    }
    bool largest_counts(int64_t s) const { return either[s] && count(s); }
    // An effort, in that of the exponent that is solved for, with nothing left to learn and all gates open, of every
    // exponent: what is left unlearned is below all numbers, and what is shut below rounding (`panels.all_over`).
    double all_over(const Constants &by) const {
        return law.effort_of_depth(std::max(by.all_learned * largest_exponent / exponent, by.all_open / exponent));
    }
    // one over the effort at which a skill's demand and its gate are through, as in `panels.even_edges`
    double per_through(const Constants &by) const {
        return 1 / (by.learned * (largest_exponent / exponent) + by.open / exponent);
    }
    // how much a skill counts where panels are placed
    double part_of_each(const Constants &by) const { return std::min(1.0, by.many / static_cast<double>(order.size())); }

  private:
    std::vector<int64_t> places;

    void find_standing(double least) {
        stands.assign(static_cast<size_t>(skills), 0);
        for (int64_t s : order) {
            bool some = false, every = true;
            for (int64_t f = begin[s]; f < begin[s + 1]; f++) {
                const bool shut = stands[behind[f]] && open_by_standing(f) == 0;
                some = some || shut, every = every && shut;
            }
            stands[s] = paces[s].rate < least || (count(s) && (either[s] ? every : some));
        }
    }

    static bool positive(double x) { return x > 0 && std::isfinite(x); }

    void read_paces(const double *frequency, const double *after, const uint8_t *present, bool paced) {
        const double half = paced ? law.effort_at(0.5) : 0.0;
        paces.resize(static_cast<size_t>(skills));
        fastest = 0.0;
        for (int64_t s = 0; s < skills; s++) {
            if (!present[s]) continue;
            Pace &pace = paces[s];
            pace = {begun ? level[s] : law.effort_at(level[s]), frequency[s], INFINITY, frequency[s], paced};
            if (paced) pace.turn = std::max((half - pace.start) / pace.rate, 0.0), pace.after = after[s];
            fastest = std::max(fastest, pace.rate);
            sound = sound && positive(pace.rate) && positive(pace.after) && pace.start >= 0 && std::isfinite(pace.start);
        }
        sound = sound && fastest > 0;
    }

    void read_behind(const int32_t *prerequisites, const uint8_t *required, const double *strengths,
                     const int32_t *depth, const uint8_t *present, int64_t fan_in) {
        behind.clear(), strength.clear(), strength_at.clear();
        begin.resize(static_cast<size_t>(skills + 1));
        needed.assign(static_cast<size_t>(skills), 0);
        for (int64_t s = 0; s < skills; s++) {
            begin[s] = static_cast<int64_t>(behind.size());
            if (!present[s]) continue;
            sound = sound && depth[s] >= 0 && depth[s] < skills;
            for (int64_t f = s * fan_in; f < (s + 1) * fan_in; f++) {
                if (!required[f]) continue;
                const int64_t b = std::clamp<int64_t>(prerequisites[f], 0, skills - 1);
                // what is not there, or comes later, would be read before it is written
                sound = sound && b == prerequisites[f] && present[b] && depth[b] < depth[s];
                behind.push_back(b), needed[b] = 1;
                if (!strengths) continue;
                sound = sound && strengths[f] >= 0 && strengths[f] <= 1;
                strength.push_back(strengths[f]), strength_at.push_back(f);
            }
        }
        begin[skills] = static_cast<int64_t>(behind.size());
    }

    // By depth, and by number among those of one depth.
    void in_order(const int32_t *depth, const uint8_t *present) {
        order.clear();
        if (!sound) return;
        places.assign(static_cast<size_t>(skills + 1), 0);
        int64_t total = 0;
        for (int64_t s = 0; s < skills; s++)
            if (present[s]) places[depth[s] + 1]++, total++;
        for (int64_t d = 0; d < skills; d++) places[d + 1] += places[d];
        order.resize(static_cast<size_t>(total));
        for (int64_t s = 0; s < skills; s++)
            if (present[s]) order[places[depth[s]]++] = s;
    }
};
