// Everything that walks, for one type of numbers; included in a namespace of its own for each.

#include "lane.h"

// `::Rule` in these numbers, by value: a kernel has it in constant memory.
struct Rule {
    Real places[NODES + 2], weights[NODES], even[NODES * NODES / 4], odd[NODES * NODES / 4];
    Real tail[4 * NODES], left[NODES];
    Real powers[(NODES + 1) * NODES], to_nodes[NODES * NODES], to_powers[NODES * (NODES + MOST_LANES)];
    Real coarse_weights[COARSE_NODES], coarse_cumulative[COARSE_NODES * COARSE_NODES];
    // of the constants, those of errors
    Real doubtful, blur;

    static Rule of(const ::Rule &rule) {
        Rule own;
        const auto copy = [](Real *to, const double *from, int64_t count) { std::copy_n(from, count, to); };
        copy(own.places, rule.places, NODES + 2), copy(own.weights, rule.weights, NODES);
        copy(own.even, rule.even, NODES * NODES / 4), copy(own.odd, rule.odd, NODES * NODES / 4);
        copy(own.tail, rule.tail, 4 * NODES), copy(own.left, rule.left, NODES);
        copy(own.powers, rule.powers, (NODES + 1) * NODES), copy(own.to_nodes, rule.to_nodes, NODES * NODES);
        copy(own.to_powers, rule.to_powers, NODES * (NODES + MOST_LANES));
        copy(own.coarse_weights, rule.coarse_weights, COARSE_NODES);
        copy(own.coarse_cumulative, rule.coarse_cumulative, COARSE_NODES * COARSE_NODES);
        own.doubtful = static_cast<Real>(rule.constants->doubtful), own.blur = static_cast<Real>(rule.constants->blur);
        return own;
    }
};

#include "laws.h"
#include "polynomial.h"
#include "walked_graph.h"
#include "walked.h"
#include "walked_readers.h"
#include "walked_solves.h"
