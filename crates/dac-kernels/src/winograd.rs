//! Winograd (Toom-Cook) convolution F(m, k): its matrices, computed from their points in exact fractions.
//!
//! m outputs of a k-tap correlation need m + k − 1 products: `y = Aᵀ[(G g) ⊙ (Bᵀ d)]` (Winograd, "Arithmetic
//! Complexity of Computations", 1980). With the points 0, ±a₁ … ±a_P, ∞, row p of Bᵀ has the coefficients of
//! `Π_{q≠p}(x − a_q)`, row p of G the powers of a_p over `Π_{q≠p}(a_p − a_q)`, and column p of Aᵀ the powers
//! of a_p.

use crate::isa::Coefficients;

/// The positive points as (numerator, denominator), for 1 to 6 pairs.
const POINTS: [&[(i128, i128)]; 6] = [
    // F(3,2)
    &[(1, 1)],
    // F(5,2), F(4,3)
    &[(2, 3), (3, 2)],
    // F(2,7)
    &[(1, 2), (1, 1), (2, 1)],
    // F(4,7)
    &[(2, 5), (4, 5), (5, 4), (12, 5)],
    // F(6,7)
    &[(3, 8), (2, 3), (1, 1), (3, 2), (8, 3)],
    // F(8,7)
    &[(5, 16), (3, 5), (7, 8), (8, 7), (5, 3), (16, 5)],
];

/// An exact fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ratio(i128, i128);

impl Ratio {
    fn new(n: i128, d: i128) -> Self {
        let (mut a, mut b) = (n.abs(), d.abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let sign = if d < 0 { -1 } else { 1 };
        let a = a.max(1);
        Self(sign * n / a, sign * d / a)
    }
    fn times(self, o: Self) -> Self {
        let (x, y) = (Self::new(self.0, o.1), Self::new(o.0, self.1));
        Self::new(x.0 * y.0, x.1 * y.1)
    }
    fn plus(self, o: Self) -> Self {
        Self::new(self.0 * o.1 + o.0 * self.1, self.1 * o.1)
    }
    fn minus(self, o: Self) -> Self {
        self.plus(Self(-o.0, o.1))
    }
    fn to_f64(self) -> f64 {
        self.0 as f64 / self.1 as f64
    }
}

/// Multiplies a polynomial by `x − root`; the lowest power comes first.
fn times_root(p: &[Ratio], root: Ratio) -> Vec<Ratio> {
    let mut out = vec![Ratio(0, 1); p.len() + 1];
    for (i, &c) in p.iter().enumerate() {
        out[i + 1] = out[i + 1].plus(c);
        out[i] = out[i].minus(c.times(root));
    }
    out
}

/// The points of F(m, k) but ∞, in the order of the matrices' rows: 0, a₁, −a₁, a₂, −a₂ …
struct Polynomials {
    positive: Vec<Ratio>,
    finite: Vec<Ratio>,
}

impl Polynomials {
    /// Takes the points for m + k − 1 = `points`, if that is even and [`POINTS`] has them.
    fn new(points: usize) -> Option<Self> {
        if !points.is_multiple_of(2) || points < 4 {
            return None;
        }
        let positive = POINTS.get((points - 2) / 2 - 1)?;
        let positive: Vec<Ratio> = positive.iter().map(|&(n, d)| Ratio::new(n, d)).collect();
        let pairs = positive.iter().flat_map(|&a| [a, Ratio(-a.0, a.1)]);
        let finite = std::iter::once(Ratio(0, 1)).chain(pairs).collect();
        Some(Self { positive, finite })
    }

    /// Multiplies `x − a` over all finite points but point `p`.
    fn without(&self, p: usize) -> Vec<Ratio> {
        let others = self.finite.iter().enumerate().filter(|&(q, _)| q != p);
        others.fold(vec![Ratio(1, 1)], |poly, (_, &a)| times_root(&poly, a))
    }

    /// Computes G, `[points][taps]`.
    fn weight(&self, taps: usize) -> Vec<f64> {
        let mut weight = Vec::new();
        for (p, &a) in self.finite.iter().enumerate() {
            let others = self.finite.iter().enumerate().filter(|&(q, _)| q != p);
            let scale = others.fold(Ratio(1, 1), |s, (_, &b)| s.times(a.minus(b)));
            let mut power = Ratio::new(scale.1, scale.0);
            for _ in 0..taps {
                weight.push(power.to_f64());
                power = power.times(a);
            }
        }
        weight.extend((0..taps).map(|j| if j + 1 == taps { 1.0 } else { 0.0 }));
        weight
    }
}

/// The matrices of F(m, k), row-major: m outputs of a k-tap correlation of d with g are
/// `y = Aᵀ[(G g) ⊙ (Bᵀ d)]`.
#[derive(Debug, Clone, PartialEq)]
pub struct WinogradMatrices {
    /// Number of points, m + k − 1: the products per tile, and the inputs that it reads.
    pub points: usize,
    /// Bᵀ, `[points][points]`.
    pub input: Vec<f32>,
    /// G, `[points][k]`.
    pub weight: Vec<f64>,
    /// Aᵀ, `[m][points]`.
    pub output: Vec<f32>,
}

impl WinogradMatrices {
    /// Returns the number of points for `outputs` (m) and `taps` (k); `None` unless m ≥ 2, k ≥ 2, and
    /// m + k − 1 is an even number from 4 to 14.
    pub fn points_of(outputs: usize, taps: usize) -> Option<usize> {
        let points = (outputs + taps).checked_sub(1)?;
        let exists = points.is_multiple_of(2) && (4..=2 * POINTS.len() + 2).contains(&points);
        (exists && outputs >= 2 && taps >= 2).then_some(points)
    }

    /// Computes the matrices for `outputs` (m) and `taps` (k); `None` as for [`WinogradMatrices::points_of`].
    pub fn new(outputs: usize, taps: usize) -> Option<Self> {
        let points = Self::points_of(outputs, taps)?;
        let polynomials = Polynomials::new(points)?;
        let mut input = Vec::with_capacity(points * points);
        for p in 0..points {
            // The product without any of the points is the row of ∞; it has one power more than the others.
            input.extend(polynomials.without(p).iter().map(|r| r.to_f64() as f32));
            input.resize((p + 1) * points, 0.0);
        }
        let power =
            |a: &Ratio, i: usize| (0..i).fold(Ratio(1, 1), |power, _| power.times(*a)).to_f64() as f32;
        let output = (0..outputs).flat_map(|i| {
            let infinity = if i + 1 == outputs { 1.0 } else { 0.0 };
            polynomials.finite.iter().map(move |a| power(a, i)).chain([infinity])
        });
        Some(Self { points, input, weight: polynomials.weight(taps), output: output.collect() })
    }
}

/// The matrices of F(m, k): B and A for the kernels, G for the weights.
#[derive(Debug, Clone)]
pub(crate) struct Winograd {
    pub(crate) coefficients: Coefficients,
    /// G, `[points][k]`.
    pub(crate) weight: Vec<f64>,
    /// Number of points, m + k − 1.
    pub(crate) points: usize,
}

impl Winograd {
    /// Computes F(m, k), if m + k − 1 is even and [`POINTS`] has points for it.
    pub(crate) fn new(outputs: usize, taps: usize) -> Option<Self> {
        let points = outputs + taps - 1;
        let polynomials = Polynomials::new(points)?;
        let weight = polynomials.weight(taps);
        let Polynomials { positive, .. } = &polynomials;
        let without = |p: usize| polynomials.without(p);
        let pairs = positive.len();
        let to_f32 = |r: &Ratio| r.to_f64() as f32;
        let ends = without(0).iter().step_by(2).map(to_f32).collect();
        // The row of +a; the row of −a has the same even powers, and odd ones of opposite sign.
        let half = |start: usize| {
            let rows =
                (0..pairs).flat_map(|p| without(2 * p + 1).into_iter().skip(start).step_by(2).take(pairs));
            rows.map(|r| to_f32(&r)).collect::<Vec<f32>>()
        };
        let powers = (0..outputs)
            .flat_map(|i| positive.iter().map(move |a| (0..i).fold(Ratio(1, 1), |p, _| p.times(*a))))
            .map(|r| to_f32(&r))
            .collect();
        let coefficients = Coefficients { pairs, outputs, even: half(2), odd: half(1), ends, powers };
        Some(Self { coefficients, weight, points })
    }

    /// Returns direct convolution in the same form: one output, all taps in one product.
    pub(crate) fn direct() -> Self {
        let coefficients = Coefficients { pairs: 0, outputs: 1, ..Coefficients::default() };
        Self { coefficients, weight: Vec::new(), points: 1 }
    }

    /// Reports whether this is direct convolution.
    pub(crate) fn is_direct(&self) -> bool {
        self.coefficients.pairs == 0
    }
}

#[cfg(test)]
mod tests {
    use super::WinogradMatrices;

    #[test]
    fn matrices_compute_a_correlation() {
        let mut checked = 0;
        for (outputs, taps) in (2..=8).flat_map(|m| [2, 3, 7].map(|k| (m, k))) {
            let Some(matrices) = WinogradMatrices::new(outputs, taps) else { continue };
            let WinogradMatrices { points, input, weight, output } = matrices;
            let d: Vec<f64> = (0..points).map(|i| (i as f64 * 1.7).sin()).collect();
            let g: Vec<f64> = (0..taps).map(|k| (k as f64 * 0.9).cos()).collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let wide = |row: &[f32]| row.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let products: Vec<f64> = (0..points)
                .map(|p| {
                    dot(&wide(&input[p * points..][..points]), &d) * dot(&weight[p * taps..][..taps], &g)
                })
                .collect();
            for (i, row) in output.chunks(points).enumerate() {
                let (found, expected) = (dot(&wide(row), &products), dot(&d[i..i + taps], &g));
                assert!(
                    (found - expected).abs() < 1e-4,
                    "F({outputs}, {taps}): {found}, expected {expected}"
                );
            }
            checked += 1;
        }
        assert_eq!(checked, 11);
    }
}
