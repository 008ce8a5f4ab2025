// One number at a time, of type `Real`: in place of `vectors.h` for a processor whose threads are the lanes. Included
// once a type of numbers.

constexpr int LANES = 1;
constexpr bool SINGLE = sizeof(Real) == 4;
typedef bool Integers;

struct Vector {
    Real value;
    SHARED Real operator[](int64_t) const { return value; }
};

INLINE Vector all(double x) { return {static_cast<Real>(x)}; }
INLINE Real first(Vector x) { return x.value; }
INLINE Vector load(const Real *from) { return {*from}; }
INLINE void store(Real *to, Vector x) { *to = x.value; }

#define OPERATOR(sign)                                                                                           \
    INLINE Vector operator sign(Vector a, Vector b) { return {a.value sign b.value}; }                           \
    template <class T>                                                                                           \
    INLINE Vector operator sign(Vector a, T b) { return {a.value sign static_cast<Real>(b)}; }                   \
    template <class T>                                                                                           \
    INLINE Vector operator sign(T a, Vector b) { return {static_cast<Real>(a) sign b.value}; }
OPERATOR(+) OPERATOR(-) OPERATOR(*) OPERATOR(/)
#undef OPERATOR
#define COMPARE(sign)                                                                                            \
    INLINE bool operator sign(Vector a, Vector b) { return a.value sign b.value; }                               \
    template <class T>                                                                                           \
    INLINE bool operator sign(Vector a, T b) { return a.value sign static_cast<Real>(b); }
COMPARE(<) COMPARE(>) COMPARE(<=) COMPARE(==)
#undef COMPARE
INLINE Vector operator-(Vector a) { return {-a.value}; }
template <class T> INLINE Vector &operator+=(Vector &a, T b) { return a = a + b; }
template <class T> INLINE Vector &operator-=(Vector &a, T b) { return a = a - b; }
template <class T> INLINE Vector &operator*=(Vector &a, T b) { return a = a * b; }

INLINE Vector larger(Vector a, Vector b) { return a > b ? a : b; }
INLINE Vector smaller(Vector a, Vector b) { return a < b ? a : b; }
INLINE Vector magnitude(Vector x) { return x < 0 ? -x : x; }
INLINE Real largest(Vector x) { return x.value; }
INLINE Real larger(Real a, Real b) { return a > b ? a : b; }
INLINE Real smaller(Real a, Real b) { return a < b ? a : b; }

// those of `vectors.h`, at the rounding of these numbers
constexpr Real DONE = SINGLE ? 20 : 45, SETTLED = SINGLE ? 1e-4 : 1e-9;
constexpr Real TINY = std::numeric_limits<Real>::min(), HUGE_NUMBER = std::numeric_limits<Real>::max();
constexpr Real ROUNDING = 4 * std::numeric_limits<Real>::epsilon();

// e^-x for x >= 0
INLINE Vector decay(Vector x) {
#if defined(__CUDA_ARCH__)
    // absolutely exact to rounding
    if (SINGLE) return {static_cast<Real>(__expf(static_cast<float>(-x.value)))};
#endif
    return {std::exp(-x.value)};
}

// 1 - e^-x for x >= 0, without cancellation
INLINE Vector saturation(Vector x) {
    if (!SINGLE) return {-std::expm1(-x.value)};
    const Vector series = x * (1 - x * (1.0 / 2 - x * (1.0 / 6 - x * (1.0 / 24 - x * (1.0 / 120 - x * (1.0 / 720))))));
    const Vector far = 1 - decay(x);
    return x < 0.25 ? series : far;
}

INLINE Vector log_of_one_more(Vector x) { return {std::log1p(x.value)}; }
INLINE Vector log_of_one_more(Vector x, Vector &reciprocal) {
    reciprocal = 1.0 / (1.0 + x);
    return log_of_one_more(x);
}
INLINE Vector rough_log_of_one_more(Vector x) { return log_of_one_more(x); }
// e^l - 1 for the root l of l + e^l - 1 = z, z >= 0, to 1.3%
INLINE Vector rough_growth_of_margin(Vector z) { return z * (0.5 + 0.5 * (1.0 - 8.14 / (z + 8.14))); }

#include "margin.h"

// That root.
INLINE Vector margin(Vector z) {
    const Vector excess = rough_growth_of_margin(z);
    return margin_near(z, excess, log_of_one_more(excess), 1.0 / (2.0 + excess));
}
