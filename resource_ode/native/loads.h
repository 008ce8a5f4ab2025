// What skills ask for at the rows of a run, from their exposures: some rows at a time, all but the last of which are
// followed by one.

constexpr int64_t ROWS_AT_ONCE = 32;

// each number's successor, with those that come behind
INLINE Vector followed(Vector x, Vector behind) {
    return by_lane([&](int64_t lane) { return lane + 1 < LANES ? x[lane + 1] : behind[0]; });
}
// 1/x, and 1 for what is too small for it
INLINE Vector inverse(Vector x) { return 1.0 / (x > TINY ? x : all(1.0)); }

// Of parts of two wholes, which are no smaller, the shares in them: one division serves both, where one whole is not small.
INLINE void shares(Vector a, Vector whole_of_a, Vector b, Vector whole_of_b, Vector &share_of_a, Vector &share_of_b) {
    const Vector both = inverse(whole_of_a * whole_of_b);
    share_of_a = whole_of_a > TINY ? a * (whole_of_b * both) : all(0.0);
    share_of_b = whole_of_b > TINY ? b * (whole_of_a * both) : all(0.0);
}

template <class Law>
class LoadsReader {
  public:
    explicit LoadsReader(const Batch &batch) : batch(batch) {
        for (Numbers *numbers : {&gates, &asked, &lowest, &highest, &gained})
            numbers->reserve(batch.skills * ROWS_AT_ONCE);
    }

    void read(int64_t row, const Loads &to) {
        graph.read(batch, row);
        before = 0.0;
        for (int64_t s : graph.order) before += graph.law.progress(all(graph.paces[s].start))[0];
        for (int64_t e = 0; e < batch.groups; e++)
            for (int64_t c = 0; c < batch.clocks; c++) {
                double *results[] = {to.largest.at(row, e, c), to.total.at(row, e, c), to.squares.at(row, e, c),
                                     to.learned.at(row, e, c), to.least.at(row, e, c), to.most.at(row, e, c)};
                for (int64_t t = 0; t < to.times; t += ROWS_AT_ONCE - 1) {
                    const int64_t here = std::min(ROWS_AT_ONCE, to.times - t);
                    look(*batch.exponent.at(row, e), to.state.at(row, e, c) + t * batch.skills, here);
                    // the last is the first of those to come; after the last of all there is no interval
                    const bool ends = t + here == to.times;
                    if (ends) least[here - 1] = most[here - 1] = 0.0;
                    const double *found[] = {largest, total, squares, learned, least, most};
                    for (int64_t k = 0; k < 6; k++)
                        for (int64_t i = 0; i < here - !ends; i++) results[k][t + i] = graph.sound ? found[k][i] : NAN;
                    if (ends) break;
                }
            }
    }

  private:
    const Batch &batch;
    Graph<Law> graph;
    Numbers gates, asked, lowest, highest, gained;  // (skill, row)
    double before = 0.0;
    double largest[ROWS_AT_ONCE], total[ROWS_AT_ONCE], squares[ROWS_AT_ONCE], learned[ROWS_AT_ONCE], least[ROWS_AT_ONCE],
        most[ROWS_AT_ONCE], scale[ROWS_AT_ONCE];

    void look(double a, const double *state, int64_t count) {
        for (int64_t i = 0; i < ROWS_AT_ONCE; i += LANES) {
            store(learned + i, all(-before));
            for (double *each : {largest, scale}) store(each + i, all(0.0));
        }
        for (int64_t s : graph.order) add(a, s, state, count);
        for (int64_t i = 0; i < count; i += LANES) summarise(i);
    }

    // Of one skill at a vector of rows.
    struct Rows {
        Vector effort, demand, pace, progress, opening;
    };

    // What one skill asks for at the rows, and between each and the next.
    void add(double a, int64_t s, const double *state, int64_t count) {
        const Pace own = graph.paces[s];
        const int64_t skills = batch.skills, first = s * ROWS_AT_ONCE;
        const double *at = state + s;
        Vector opened[ROWS_AT_ONCE / LANES];
        open(graph, s, gates, LANES, 0, opened);
        Rows before{};
        for (int64_t i = 0; i < count; i += LANES, at += LANES * skills) {
            const int64_t last = count - 1 - i;
            const Vector x = by_lane([&](int64_t lane) { return at[std::min(lane, last) * skills]; });
            Rows now{own.effort(x), {}, own.pace(x), {}, opened[i / LANES]};
            Vector depth;
            if constexpr (Law::AT_ONCE) {
                depth = graph.law.depth_demand_and_rest(now.effort, now.demand, now.progress);
                now.progress = -now.progress;
            } else {
                depth = graph.law.depth(now.effort);
                now.demand = graph.law.demand(now.effort), now.progress = graph.law.progress(now.effort);
            }
            if (graph.needed[s]) store(gates + first + i, saturation(a * depth));
            const Vector asks = now.opening * now.pace * now.demand;
            store(asked + first + i, asks);
            store(largest + i, larger(asks, load(largest + i)));
            store(learned + i, load(learned + i) + now.progress);
            if (i) add_between(first, i - LANES, before, now);
            before = now;
        }
        add_between(first, (count - 1) / LANES * LANES, before, before);
    }

    // From a vector of rows, and those behind them, to the next of each.
    void add_between(int64_t first, int64_t i, const Rows &rows, const Rows &behind) {
        const Vector pace = followed(rows.pace, behind.pace), demand = followed(rows.demand, behind.demand);
        // demand has one peak at most, and the pace one change; ways only open
        const Vector peak =
            Law::GROWS ? graph.law.largest_demand(rows.effort, followed(rows.effort, behind.effort)) : rows.demand;
        const Vector high = larger(rows.pace, pace) * peak * followed(rows.opening, behind.opening);
        store(lowest + first + i, smaller(rows.pace, pace) * smaller(rows.demand, demand) * rows.opening);
        store(highest + first + i, high);
        store(gained + first + i, followed(rows.progress, behind.progress) - rows.progress);
        store(scale + i, larger(high, load(scale + i)));
    }

    // A vector of rows, and what is between each and the next.
    void summarise(int64_t i) {
        const Vector unit = inverse(load(largest + i)), own_scale = inverse(load(scale + i));
        Vector sum = all(0.0), square = all(0.0), low = all(0.0), high = all(0.0), useful = all(0.0);
        for (int64_t s : graph.order) {
            const int64_t n = s * ROWS_AT_ONCE + i;
            const Vector part = load(asked + n) * unit, first = load(lowest + n) * own_scale,
                         last = load(highest + n) * own_scale;
            sum += part, square += part * part;
            low += first, high += last, useful += load(gained + n);
            store(lowest + n, first), store(highest + n, last);
        }
        const Vector per_useful = inverse(useful);
        Vector bottom = all(0.0), top = all(0.0);
        for (int64_t s : graph.order) {
            // the skill's part of what is of use: its least, its largest and its mean between two rows, of which the mean
            // of the square follows
            const int64_t n = s * ROWS_AT_ONCE + i;
            const Vector fewest = load(lowest + n), largest_part = load(highest + n);
            Vector first, last;
            shares(fewest, fewest + larger(high - largest_part, all(0.0)), largest_part,
                   largest_part + larger(low - fewest, all(0.0)), first, last);
            const Vector mean = smaller(larger(load(gained + n) * per_useful, first), last);
            bottom += mean * mean, top += mean * mean + (mean - first) * (last - mean);
        }
        store(total + i, sum), store(squares + i, square);
        store(least + i, bottom), store(most + i, top);
    }
};

template <class Law>
bool loads(const Batch &batch, const Runner &run, const Loads &to) {
    return run(batch.rows, SHARE, [&]() -> Work {
        return [&, reader = std::make_shared<LoadsReader<Law>>(batch)](int64_t row) { reader->read(row, to); };
    });
}
