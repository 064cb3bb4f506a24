//! Small dense symmetric systems: inverse by Cholesky's factor.
//!
//! Deliberately absent: anything larger than a handful of unknowns.

/// Inverse of a symmetric positive definite matrix (Cholesky); `None` where it is not positive definite.
pub fn inverse<const N: usize>(a: [[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut factor = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            if i == j {
                let rest = a[i][i] - sum;
                if rest.is_nan() || rest <= 1e-14 * a[i][i].abs() {
                    return None;
                }
                factor[i][i] = rest.sqrt();
            } else {
                factor[i][j] = (a[i][j] - sum) / factor[j][j];
            }
        }
    }
    let mut out = [[0.0; N]; N];
    for column in 0..N {
        let mut x = [0.0; N];
        for i in 0..N {
            let sum: f64 = (0..i).map(|k| factor[i][k] * x[k]).sum();
            x[i] = (f64::from(u8::from(i == column)) - sum) / factor[i][i];
        }
        for i in (0..N).rev() {
            let sum: f64 = (i + 1..N).map(|k| factor[k][i] * x[k]).sum();
            x[i] = (x[i] - sum) / factor[i][i];
        }
        out.iter_mut().zip(x).for_each(|(row, value)| row[column] = value);
    }
    Some(out)
}

/// Product of a matrix and a vector.
pub fn times<const N: usize>(a: &[[f64; N]; N], x: &[f64; N]) -> [f64; N] {
    std::array::from_fn(|i| dot(&a[i], x))
}

/// Scalar product.
pub fn dot<const N: usize>(x: &[f64; N], y: &[f64; N]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::{inverse, times};

    #[test]
    fn inverse_of_a_hilbert_matrix() {
        let hilbert: [[f64; 4]; 4] = std::array::from_fn(|i| std::array::from_fn(|j| 1.0 / (i + j + 1) as f64));
        let product = times(&inverse(hilbert).expect("positive definite"), &hilbert[1]);
        assert!((product[1] - 1.0).abs() < 1e-10 && product[0].abs() < 1e-10);
        assert!(inverse([[1.0, 2.0], [2.0, 1.0]]).is_none());
    }
}
