// What is to be solved, and where results go: views of arrays whose leading axes may be 1 where they do not vary.
//
// The members of a batch are rows x groups x clocks. A row is a graph with its frequencies, and has a cascade of its own.
// In a solve, groups are gate exponents that share the cascade of their row; in a derivative, directions or cotangents.
// Clocks differ only in learning rate and wasted resource.
#pragma once

#include <cstdint>
#include <vector>

// of a panel, of one in the coarse solve; and steps of a search
constexpr int64_t NODES = 8, COARSE_NODES = 4, NEWTON_STEPS = 4, MOST_NEWTON_STEPS = 200;
// vectors hold so many numbers at most
constexpr int64_t MOST_LANES = 8;

template <class T>
struct View {
    T *data = nullptr;
    // how far the entry of a row, a group and a clock lies from the first
    std::vector<int64_t> by_row, by_group, by_clock;

    T *at(int64_t row, int64_t group = 0, int64_t clock = 0) const {
        return data + by_row[row] + by_group[group] + by_clock[clock];
    }

    // An array (row, group, clock, each) whose axes of groups and clocks may be missing.
    static View whole(T *data, int64_t each, int64_t rows, int64_t groups, int64_t clocks, bool by_group = true,
                      bool by_clock = true) {
        View view{data, std::vector<int64_t>(rows), std::vector<int64_t>(groups), std::vector<int64_t>(clocks)};
        const int64_t clock = each, group = by_clock ? clock * clocks : clock, row = by_group ? group * groups : group;
        for (int64_t k = 0; k < rows; k++) view.by_row[k] = k * row;
        for (int64_t k = 0; k < groups; k++) view.by_group[k] = by_group ? k * group : 0;
        for (int64_t k = 0; k < clocks; k++) view.by_clock[k] = by_clock ? k * clock : 0;
        return view;
    }
};

struct Batch {
    int64_t rows, groups, clocks, skills, fan_in;
    bool cross_entropy, squared, paced;              // loss; competition "l2"; self-paced skills
    bool slow, soft;                                 // with a plateau; with prerequisite strengths
    // of models that begin at efforts in place of levels: a skill slower than this part of the fastest stands still, and
    // so does what is shut behind it; 0 for all others
    double standing;
    View<const int32_t> prerequisites, depth;        // (skill, fan_in), (skill,)
    View<const uint8_t> required, either, present;   // (skill, fan_in), (skill,): one open gate is enough, (skill,)
    View<const double> frequency, level, after;      // (skill,) each: initial levels, and frequencies from level 1/2 on
    View<const double> plateau, strength;            // of the row; (skill, fan_in)
    View<const double> solved;                       // the gate exponent that the row is solved for
    View<const double> exponent;                     // of the group
    View<const double> rate, waste;                  // of the clock
    View<const double> tolerance;                    // estimated level error to stay below

    // how many strengths a row has: one number where they are not looked at
    int64_t strengths() const { return soft ? skills * fan_in : 1; }
};

// Panels: of the coarse solve, of the first for a tolerance of `made_for`, of the last that is tried; how many are tried.
// At the effort `end_effort` a level is 1 in the numbers of the result.
struct Options {
    int64_t coarse_panels, panels, most_panels, attempts;
    double made_for, end_effort;
};

// Those of `base.constants`, which says what they are.
struct Constants {
    double begins, learned, open, part, many, fewer, steeper;
    double all_learned, all_open, margin, shortest, reached, doubt, root_doubt, more_doubt, more_root, doubtful, blur, unexplained, seen;
};

// Gauss-Legendre rules, as in `base.legendre`, and the constants.
struct Rule {
    const double *places;             // (node + 2,), with both ends
    const double *weights;            // (node,)
    const double *even, *odd;         // (node / 2, node / 2) each: sums and differences of mirror images -> integral up
                                      // to a node of the left half
    const double *tail;               // (4, node): values -> the last Legendre coefficients
    const double *left;               // (node,): values -> that at the left edge
    const double *powers;             // (node + 1, node): values -> coefficients of the integral's powers
    const double *to_nodes;           // (node, node): the integral up to all nodes, by columns
    const double *to_powers;          // (node, node + 4): `powers` by columns, and zeros
    const double *coarse_weights;     // (coarse node,)
    const double *coarse_cumulative;  // (coarse node, coarse node)
    const Constants *constants;
};

// What became of a row, or of a member.
enum Code : int32_t { SUCCESSFUL = 0, INACCURATE = 1, NOT_FINITE = 2 };

// Results and residuals. `edges` are those of a row's panels, after their number: 0 if they are more than `kept`.
struct Kept {
    View<double> edges;
    int64_t kept = 0;
};

template <class Out>
struct Trajectories {
    View<const double> ts;
    int64_t times;
    // a bound of a row's clocks in resource time, by the budget law; and the largest of their resource (learning rate
    // times the last of the times) where that tells where to end: 0 for mean squared error if all have waste. With cross
    // entropy and a clock without waste the first is infinite
    View<double> last, endless;
    View<Out> state, clock, spent;  // (time, skill), (time,), (time,): `spent` only for "l2"
    View<int32_t> code;             // of the member
    View<double> error;             // of the group; infinite where the range was too short
    Kept panels;
};

// Clocks in pieces of constant learning rate and waste: `start` are the training steps from which on they hold, the first
// at 0. Results: resource time where each piece starts, infinite if the clock does not come to it, and what is spent by
// then at its waste; for learning times, in which piece each is.
struct Pieced {
    int64_t pieces = 0;
    View<const double> rate, waste, start;  // (piece,) each, of the member
    View<double> at, paid;                  // (piece,)
    View<int32_t> piece;                    // (skill,)
};

template <class Out>
struct Times {
    View<const double> level;  // of the row
    View<Out> found;           // (skill,) of the member
    View<int32_t> code;
    View<double> error;
    Kept panels;
};

// Tangents of the parameters, or what is summed up of their cotangents.
template <class T>
struct Parameters {
    View<T> frequency, level, after;  // (skill,)
    View<T> exponent, plateau;        // of the group
    View<T> strength;                 // (skill, fan_in), of the group; a single number where they are not looked at
    View<T> goal;                     // of the group: of the level to reach, for learning times only
    View<T> rate, waste;              // of the clock
};

// What a derivative knows of the solve: `times` is 0 for learning times, which need no more than the level.
struct Given {
    View<const double> level;
    View<const double> ts, clock;  // (time,), of the member
    View<double> last, endless;    // as in `Trajectories`
    Kept panels;
};

// From tangents of the parameters to those of the results: learning times (skill,), or exposures (time, skill) and
// resource time (time,).
struct Tangents {
    Given given;
    int64_t times;
    Parameters<const double> along;
    View<const double> steps;  // (time,), of the training steps
    View<double> found, clock;
    View<double> spent;        // (time,), for "l2" only
};

// And back.
struct Cotangents {
    Given given;
    int64_t times;
    View<const double> found, clock;
    Parameters<double> by;
    View<double> steps;
    View<const double> spent;  // (time,), for "l2" only
};

// Results of the members: numbers that their learning times amount to.
struct Measures {
    View<const double> levels;  // the level that counts as learned, and those where a skill begins and completes
    View<double> horizon, efficiency, overlap;  // of the member; nothing where they are not wanted
    View<int32_t> code;
    View<double> error;
};

// Results of the rows: until the last skill reaches a level, where 1 is the whole learning.
struct Spent {
    View<const double> level;
    View<double> clock, learned, demand, squares;  // resource time there, progress until there, integrals of F, sum f^2/F
    View<double> error;                            // of the integrals, as a share of what is learned
};

// What the skills of a run ask for at its rows (time,): the largest competitiveness, the sum of all over it, that of
// their squares, and the progress of all since the start; and of the sum of the squares of their parts of the whole, the
// least and the most that its mean from a row to the next may be, over what is learned there.
struct Loads {
    View<const double> state;  // exposures (time, skill)
    int64_t times;
    View<double> largest, total, squares, learned, least, most;
};
