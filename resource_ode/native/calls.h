// The three calls; false if memory ran out.

constexpr int64_t SHARE = 16, MEMBERS = 64;  // rows, and members of levels, that a thread takes at a time

template <class Out>
bool trajectories(const Problem &problem, const Rule &rule, int64_t threads, const double *last, const double *end,
                  Out *state, Out *clock, uint8_t *unsure, uint8_t *lost, const double *ts, int64_t times) {
    return share_out(problem.rows, SHARE, threads, [&] {
        return [&, worker = std::make_unique<Worker>(problem, rule)](int64_t row) {
            worker->trajectories(row, last[row], end[row], ts, times, state, clock, unsure, lost);
        };
    });
}

template <class Out>
bool learning_times(const Problem &problem, const Rule &rule, int64_t threads, Out *found, uint8_t *unsure,
                    double goal) {
    return share_out(problem.rows, SHARE, threads, [&] {
        return [&, worker = std::make_unique<Worker>(problem, rule)](int64_t row) {
            worker->times(row, goal, found, unsure);
        };
    });
}

template <class Out>
bool levels_of(const double *frequency, const double *start, int64_t members, int64_t skills, int64_t times,
               int64_t threads, const Out *state, Out *level) {
    return share_out(members, MEMBERS, threads, [&] {
        return [&](int64_t row) {
            const int64_t at = row * times * skills;
            levels(frequency + row * skills, start + row * skills, skills, times, state + at, level + at);
        };
    });
}
