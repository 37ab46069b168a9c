//! Kilometres between two points.
//!
//! The haversine formula on a sphere of the Earth's mean radius, in double precision: its own error is
//! below a millimetre, but between opposite points; that of a point's 32-bit degrees is up to a metre with longitudes
//! up to ±180; and the Earth is no sphere, which makes up to 0.6%. `libm` has the same bits on every target.

/// The Earth's mean radius in kilometres (IUGG).
const RADIUS: f64 = 6371.0088;

/// A point on the Earth, in degrees.
#[derive(Clone, Copy)]
pub(super) struct Point {
    latitude: f32,
    longitude: f32,
}

impl Point {
    /// Makes a point of its latitude and longitude; `None` if they are missing or none.
    pub(super) fn new([latitude, longitude]: [f32; 2]) -> Option<Self> {
        let is_point = latitude.abs() <= 90.0 && longitude.abs() <= 360.0;
        is_point.then_some(Self { latitude, longitude })
    }

    /// Returns its latitude and longitude.
    pub(super) fn degrees(self) -> [f32; 2] {
        [self.latitude, self.longitude]
    }
}

/// Returns the kilometres between two points; missing if one of them is.
// Not inlined: most programs have no points.
#[inline(never)]
pub(super) fn distance(from: Option<Point>, to: Option<Point>) -> f32 {
    let (Some(from), Some(to)) = (from, to) else {
        return f32::NAN;
    };
    let radians = |degrees: f32| f64::from(degrees).to_radians();
    // In double precision the difference of two 32-bit numbers of this size is exact.
    let half = |from: f32, to: f32| libm::sin((f64::from(to) - f64::from(from)).to_radians() / 2.0);
    let (latitude, longitude) =
        (half(from.latitude, to.latitude), half(from.longitude, to.longitude));
    let cosines = libm::cos(radians(from.latitude)) * libm::cos(radians(to.latitude));
    let square = latitude * latitude + cosines * longitude * longitude;
    // Rounding may make it a little more than 1 between opposite points.
    (2.0 * RADIUS * libm::asin(libm::sqrt(square.min(1.0)))) as f32
}

#[cfg(test)]
mod tests {
    use fraud_simulator::SplitMix64;

    use super::*;

    #[test]
    fn known_distances() {
        let close = |from: [f32; 2], to: [f32; 2], kilometres: f64| {
            let found = f64::from(distance(Point::new(from), Point::new(to)));
            assert!((found - kilometres).abs() <= 1e-6 * kilometres, "{from:?} {to:?}: {found}");
        };
        let half_way_round = RADIUS * std::f64::consts::PI;
        close([0.0, 0.0], [0.0, 0.0], 0.0);
        close([0.0, 0.0], [0.0, 1.0], half_way_round / 180.0);
        close([0.0, 179.5], [0.0, -179.5], half_way_round / 180.0);
        close([0.0, 359.0], [0.0, 1.0], half_way_round / 90.0);
        close([90.0, 13.0], [-90.0, 77.0], half_way_round);
        close([45.0, 0.0], [-45.0, 180.0], half_way_round);
        close([90.0, 0.0], [0.0, 123.0], half_way_round / 2.0);
    }

    /// The error of 32-bit degrees, and of a 32-bit result.
    #[test]
    fn two_metres_from_double_precision() {
        let mut random = SplitMix64::new(1);
        let mut degrees = |limit: f64| (random.draw() as f64 / 2_f64.powi(63) - 1.0) * limit;
        let (mut near, mut far) = (0.0_f64, 0.0_f64);
        for case in 0..20_000 {
            let from = [degrees(90.0), degrees(180.0)];
            let reach = if case % 2 == 0 { 0.01 } else { 90.0 };
            let to = [(from[0] + degrees(reach)).clamp(-90.0, 90.0), from[1] + degrees(reach)];
            let point = |point: [f64; 2]| Point::new(point.map(|degrees| degrees as f32));
            let found = f64::from(distance(point(from), point(to)));
            let [a, b, c, d] = [from[0], to[0], from[1], to[1]].map(f64::to_radians);
            let square =
                ((b - a) / 2.0).sin().powi(2) + a.cos() * b.cos() * ((d - c) / 2.0).sin().powi(2);
            let exact = 2.0 * RADIUS * square.sqrt().asin();
            let error = (found - exact).abs() - exact * f64::from(f32::EPSILON) / 2.0;
            let most = if case % 2 == 0 { &mut near } else { &mut far };
            *most = most.max(error);
        }
        // A longitude beyond 180 has one bit less.
        assert!(near < 0.002 && far < 0.003, "{near} km, {far} km");
    }

    #[test]
    fn what_is_no_point_is_missing() {
        for point in [[f32::NAN, 0.0], [0.0, f32::NAN], [90.1, 0.0], [0.0, -361.0], [1e30, 1e30]] {
            let [there, here] = [point, [1.0, 1.0]].map(Point::new);
            assert!(distance(there, here).is_nan() && distance(here, there).is_nan(), "{point:?}");
        }
    }
}
