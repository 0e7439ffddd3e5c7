//! The list of the cases.

/// Makes a test of each case of what turns promise: `turns!(time, open)`.
///
/// `time` is a [`Time`](crate::conformance::Time); `open` names an `async fn(Limits) -> Subject` that opens a new, empty
/// store. The tests stand in modules named after the groups of cases, such as `once::a_result_is_had_once_also_after_a_crash`,
/// so the macro wants a module of its own.
#[macro_export]
macro_rules! turns {
    ($time:expr, $open:path) => {
        $crate::turns! { @groups $time, $open;
            sessions by timed {
                a_session_and_a_reply_are_there_together
                a_session_goes_on_over_restarts
                a_turn_whose_session_somebody_wrote_runs_again
                what_is_joined_is_one_turn_also_after_a_crash
            }
            answers by timed {
                an_answer_is_read_by_whoever_waits_also_after_a_restart
                what_was_accepted_is_answered_by_the_next_process
                whoever_waits_learns_that_there_is_no_answer
            }
            asking by timed {
                each_question_is_asked_and_answered_once_over_restarts
                answers_that_wait_for_the_next_process_are_taken
                the_time_to_answer_counts_from_the_question_also_after_a_restart
            }
            once by timed {
                a_result_is_had_once_also_after_a_crash
                what_is_said_of_a_result_is_what_was_recorded
            }
            messages by timed {
                a_message_is_changed_over_restarts
            }
            passing by timed {
                what_passes_the_queue_is_answered_at_once
                a_cancelled_turn_leaves_nothing
            }
            lives by timed {
                a_live_reply_goes_on_after_a_crash_in_its_message_and_stream
                a_live_reply_ends_with_its_turn
                a_live_reply_that_is_stopped_is_kept_as_far_as_it_was_said
                a_stop_is_heard_by_the_run_after_a_crash
            }
            processes by timed {
                two_bots_have_conversations_of_their_own
                two_bots_hear_each_update_of_a_conversation_once
            }
            graphs by timed {
                a_run_goes_on_after_a_crash_and_takes_each_step_once
                the_last_step_of_a_run_is_there_with_its_turn
            }
        }
    };
    (@groups $time:expr, $open:path; $($group:ident by $runner:ident { $($case:ident)* })*) => {
        $(
            mod $group {
                #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
                use super::*;

                $(
                    #[test]
                    fn $case() {
                        $crate::turns::$runner($time, $open, $crate::turns::$group::$case);
                    }
                )*
            }
        )*
    };
}
