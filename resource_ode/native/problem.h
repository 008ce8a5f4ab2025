// What is to be solved, as `native/__init__.py` lays it out: the one structure that both languages know.
#pragma once


#include <cstdint>

struct Problem {
    // a row is a graph with its frequencies; `exponents` gate exponents share its cascade, `clocks` read each of them
    int64_t rows, skills, fan_in, exponents, clocks;
    const int32_t *prerequisites;  // (row, skill, fan_in)
    const uint8_t *required;       // (row, skill, fan_in)
    const uint8_t *either;         // (row, skill): one open gate is enough
    const uint8_t *present;        // (row, skill)
    const int32_t *depth;          // (row, skill)
    const double *frequency;       // (row, skill)
    const double *start;           // (row, skill), effort of the initial levels
    const double *exponent;        // (row,), the one that the graph is solved for
    const double *all_exponents;   // (row, exponent)
    const double *learning_rate;   // (row, exponent, clock)
    const double *waste;           // (row, exponent, clock)
    // estimated level error to stay below; panels of the coarse solve, of the first and of the last that is tried, and
    // how many solves are tried
    double tolerance;
    int64_t coarse_panels, panels, most_panels, attempts;
};

// Gauss-Legendre rules, as in `base.legendre`
struct Rule {
    const double *places;             // (node + 2,), with both ends
    const double *weights;            // (node,)
    const double *even, *odd;         // (node / 2, node / 2) each: sums and differences of mirror images -> integral up
                                      // to a node of the left half
    const double *tail;               // (4, node): values -> the last Legendre coefficients
    const double *powers;             // (node + 1, node): values -> coefficients of the integral's powers
    const double *to_nodes;           // (node, node): the integral up to all nodes, by columns
    const double *to_powers;          // (node, node + 4): `powers` by columns, and zeros
    const double *coarse_weights;     // (coarse node,)
    const double *coarse_cumulative;  // (coarse node, coarse node)
};
