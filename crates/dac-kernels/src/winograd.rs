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
        if !points.is_multiple_of(2) || points < 4 {
            return None;
        }
        let pairs = (points - 2) / 2;
        let positive: Vec<Ratio> = POINTS.get(pairs - 1)?.iter().map(|&(n, d)| Ratio::new(n, d)).collect();
        let mut finite = vec![Ratio(0, 1)];
        for &a in &positive {
            finite.extend([a, Ratio(-a.0, a.1)]);
        }
        let without = |p: usize| {
            let others = finite.iter().enumerate().filter(|&(q, _)| q != p);
            others.fold(vec![Ratio(1, 1)], |poly, (_, &a)| times_root(&poly, a))
        };
        let mut weight = Vec::new();
        for (p, &a) in finite.iter().enumerate() {
            let others = finite.iter().enumerate().filter(|&(q, _)| q != p);
            let scale = others.fold(Ratio(1, 1), |s, (_, &b)| s.times(a.minus(b)));
            let mut power = Ratio::new(scale.1, scale.0);
            for _ in 0..taps {
                weight.push(power.to_f64());
                power = power.times(a);
            }
        }
        weight.extend((0..taps).map(|j| if j + 1 == taps { 1.0 } else { 0.0 }));
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
