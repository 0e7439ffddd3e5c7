//! Each way to be wrong is told from the others.

use super::*;

/// What the judge says of a chat that was sent so many updates and answered this.
fn judged(updates: u32, answers: &[&str]) -> Verdict {
    let mut judge = Judge::new(1);
    (0..updates).for_each(|_| judge.sent(0, false));
    answers.iter().for_each(|answer| judge.heard(0, answer));
    judge.verdict()
}

fn expected(updates: u64, answered: u64) -> Verdict {
    Verdict { updates, answered, lost: updates - answered, ..Verdict::default() }
}

#[test]
fn each_update_answered_once_in_order_is_well() {
    let verdict = judged(3, &["1 u1", "2 u2", "3 u3"]);
    assert_eq!(verdict, Verdict { counted: 3, ..expected(3, 3) });
    assert_eq!(verdict.wrong(), None);
}

#[test]
fn no_answer_is_a_loss_whether_it_counted_or_not() {
    let counted = judged(3, &["1 u1", "3 u3"]);
    assert_eq!(counted, Verdict { counted: 3, ..expected(3, 2) });
    assert_eq!(counted.wrong().as_deref(), Some("1 lost"));
    assert_eq!(judged(3, &["1 u1", "2 u3"]), Verdict { counted: 2, ..expected(3, 2) });
}

#[test]
fn a_loss_that_was_confirmed_is_told() {
    let mut judge = Judge::new(2);
    judge.sent(0, false);
    judge.sent(1, true);
    judge.sent(1, false);
    judge.sent(1, false);
    (1..=3).for_each(|update| judge.confirmed(update));
    judge.heard(0, "1 u1");
    let verdict = judge.verdict();
    assert_eq!((verdict.lost, verdict.lost_though_confirmed), (2, 1), "poison has no answer");
}

#[test]
fn what_is_written_off_is_expected_no_more_and_counts_if_it_is_answered_late() {
    let mut judge = Judge::new(2);
    [0, 0, 1].into_iter().for_each(|chat| judge.sent(chat, false));
    judge.heard(0, "1 u1");
    judge.write_off();
    assert_eq!((judge.expected(), judge.unanswered()), (0, 2));
    judge.sent(1, false);
    assert_eq!(judge.expected(), 1);
    judge.heard(1, "1 u1");
    assert_eq!((judge.expected(), judge.unanswered()), (1, 2));
    judge.heard(1, "2 u2");
    assert_eq!((judge.expected(), judge.verdict().lost), (0, 1));
}

#[test]
fn the_same_answer_again_is_a_repeated_send_and_nothing_else() {
    let verdict = judged(2, &["1 u1", "2 u2", "1 u1", "2 u2"]);
    assert_eq!(verdict, Verdict { repeated: 2, counted: 2, ..expected(2, 2) });
    assert_eq!(verdict.wrong(), None);
}

#[test]
fn an_update_that_counts_twice_is_doubled_whether_it_is_answered_twice_or_not() {
    assert_eq!(judged(2, &["1 u1", "2 u1", "3 u2"]), Verdict { doubled: 1, counted: 3, ..expected(2, 2) });
    assert_eq!(judged(2, &["1 u1", "3 u2"]), Verdict { doubled: 1, counted: 3, ..expected(2, 2) });
    assert_eq!(judged(2, &["2 u1", "3 u2"]).doubled, 1);
}

#[test]
fn the_same_answer_again_to_what_was_doubled_is_a_repeated_send() {
    let verdict = judged(2, &["1 u1", "2 u1", "2 u1", "3 u2"]);
    assert_eq!(verdict, Verdict { doubled: 1, repeated: 1, counted: 3, ..expected(2, 2) });
}

#[test]
fn an_answer_after_a_later_one_is_reordered() {
    assert_eq!(judged(3, &["1 u2", "2 u1", "3 u3"]), Verdict { reordered: 1, counted: 3, ..expected(3, 3) });
    assert_eq!(judged(2, &["2 u2", "1 u1"]), Verdict { reordered: 1, counted: 2, ..expected(2, 2) });
}

#[test]
fn a_counter_that_goes_back_is_state_lost() {
    let verdict = judged(4, &["1 u1", "2 u2", "1 u3", "2 u4"]);
    assert_eq!(verdict, Verdict { state_lost: 1, counted: 2, ..expected(4, 4) });
    assert_eq!(verdict.wrong().as_deref(), Some("1 counters went back"));
    assert_eq!(judged(2, &["1 u1", "1 u2"]).state_lost, 1, "so is one that stays");
}

#[test]
fn a_counter_that_went_back_before_its_update_was_given_again_is_state_lost() {
    let verdict = judged(3, &["1 u1", "2 u2", "1 u2", "2 u3"]);
    assert_eq!(verdict, Verdict { state_lost: 1, counted: 2, ..expected(3, 3) });
}

#[test]
fn what_is_no_answer_is_strange() {
    let verdict = judged(1, &["hello", "0 u1", "1 u2", "1 u0", "1 u1"]);
    assert_eq!(verdict, Verdict { strange: 4, counted: 1, ..expected(1, 1) });
}
