//! The shape of one heartbeat, for monitors and strips.

/// The voltage (millivolts, roughly) at a phase `0..1` of one beat: P wave, QRS complex and T wave as bells.
///
/// `r` and `t` scale the R and T waves; a negative `t` is an inverted T wave.
pub fn beat(phase: f32, r: f32, t: f32) -> f32 {
    let bell = |centre: f32, width: f32, height: f32| {
        let x = (phase - centre) / width;
        if x.abs() > 4.0 { 0.0 } else { height * (-0.5 * x * x).exp() }
    };
    bell(0.18, 0.025, 0.12)
        + bell(0.285, 0.007, -0.10 * r)
        + bell(0.30, 0.009, 1.1 * r)
        + bell(0.317, 0.009, -0.24 * r)
        + bell(0.52, 0.045, 0.26 * t)
}
