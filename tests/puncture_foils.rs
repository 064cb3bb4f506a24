//! Punctures of foils and gels on a force tester, in worlds that follow needle and foil in small steps.

mod foil_world;

use foil_world::{Course, habits::Habit, score::Score};

const TESTS: u64 = 200;

fn scores(from: u64) -> impl Iterator<Item = (Course, Score)> {
    Course::ALL.into_iter().map(move |course| (course, Score::of(course, Habit::Faithful, from..from + TESTS)))
}

#[test]
fn punctures_are_found_and_none_invented() {
    for (course, score) in scores(7000) {
        // A gel may give as slowly as a withdrawal, and a bevel be passed with a larger drop than the tip.
        let lost_max = match course {
            Course::Gel => 12,
            Course::TwoPeaks => 8,
            _ => 2,
        };
        assert!(score.pierced - score.there <= lost_max, "{course:?}: {:?} of {}", score.wrong, score.pierced);
        assert!(score.invented <= 4, "{course:?}: invented in {:?}", score.wrong);
        assert!(
            score.pierced == 0 || score.layers * 100 >= score.there * 97,
            "{course:?}: layers in {:?}",
            score.wrong
        );
        assert!(score.pierced == 0 || score.inside * 100 >= score.there * 90, "{course:?}: {} inside", score.inside);
    }
}

#[test]
fn punctures_are_found_however_they_are_written_down() {
    for habit in Habit::ALL {
        let scores = [Course::Foil, Course::TwoPeaks, Course::Gel].map(|course| Score::of(course, habit, 7000..7100));
        let of = |count: fn(&Score) -> usize| scores.iter().map(count).sum::<usize>();
        // What a threshold leaves of hum, a gauge that reads too seldom, and a bump or spike as large as the puncture
        // cannot always be told from it.
        let percent_min = match habit {
            Habit::Spliced => 88,
            Habit::Repeated => 85,
            Habit::Spiky => 82,
            Habit::Bumped => 86,
            Habit::Slow | Habit::Uneven => 90,
            Habit::Gapped | Habit::Brief => 92,
            _ => 96,
        };
        let (there, pierced) = (of(|score| score.there), of(|score| score.pierced));
        assert!(there * 100 >= pierced * percent_min, "{habit:?}: {there} of {pierced}");
    }
}
