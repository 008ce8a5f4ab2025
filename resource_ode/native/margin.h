// Included where there are numbers and the logarithm of one more.

// The root l of l + e^l - 1 = z for z >= 0 (as `special.margin_from_exposure`), from e^l - 1 and l of where a rough one
// lies, and 1/(2 + excess): one step of high order.
INLINE Vector margin_near(Vector z, Vector excess, Vector start, Vector reciprocal) {
    const Vector residual = (z - excess) - start, weight = 1.0 - reciprocal, newton = residual * reciprocal;
    const Vector fourth = (weight * (15.0 * weight - 10.0) + 1.0) * (1.0 / 24);
    const Vector first =
        newton * (1.0 - newton * weight * (0.5 - newton * ((weight * 0.5 - 1.0 / 6) - newton * fourth)));
    const Vector tail = first * first *
                        (0.5 + first * (1.0 / 6 + first * (1.0 / 24 + first * (1.0 / 120 + first * (1.0 / 720)))));
    const Vector slope = weight * (first + tail);
    return start + (first + (newton - first - weight * tail) * (1.0 - slope * (1.0 - slope)));
}
