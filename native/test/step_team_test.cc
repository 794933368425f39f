// Which team takes a step, by a clock that each step moves on by what it is said to take.
#include "../training/step_team.h"

#include <doctest/doctest.h>

namespace chainrule {
namespace {

using std::chrono::microseconds;

StepTeam::Time time_now;

struct Costs {
  microseconds whole, alone;
};

struct Training {
  // The share of so many steps that the whole team took; a job has `job_steps` of them, and `between` passes after it.
  double whole_share(Costs costs, int steps, int job_steps = 1000, microseconds between = {}, int64_t rows = 32) {
    int whole_steps = 0;
    for (int done = 0; done < steps; time_now += between) {
      StepTeam::Job job(step_team, team, rows);
      for (int i = 0; i < job_steps && done < steps; ++i, ++done) {
        const bool whole = &job.team() == &team;
        whole_steps += whole;
        time_now += whole ? costs.whole : costs.alone;
        if (steps_between_delays > 0 && ++undelayed % steps_between_delays == 0) time_now += microseconds(4000);
      }
    }
    return static_cast<double>(whole_steps) / steps;
  }

  int steps_between_delays = 0, undelayed = 0;
  ThreadTeam team{2};
  StepTeam step_team{[] { return time_now; }};
};

constexpr Costs kSharingLoses = {microseconds(20), microseconds(10)};
constexpr Costs kSharingPays = {microseconds(10), microseconds(15)};
constexpr int kFew = 1000, kMany = 200'000;

TEST_CASE("steps are taken the way that takes less time, but for rare trials of the other") {
  Training training;
  training.whole_share(kSharingLoses, kFew);
  CHECK(training.whole_share(kSharingLoses, kMany) < 0.01);
  Training other;
  other.whole_share(kSharingPays, kFew);
  CHECK(other.whole_share(kSharingPays, kMany) > 0.99);
}

TEST_CASE("the other way is tried again, so that a change is found out") {
  Training training;
  for (int i = 0; i < 2; ++i) {
    training.whole_share(kSharingLoses, kMany);
    CHECK(training.whole_share(kSharingLoses, kMany) < 0.01);
    training.whole_share(kSharingPays, kMany);
    CHECK(training.whole_share(kSharingPays, kMany) > 0.99);
  }
}

TEST_CASE("steps that are held up now and then do not count for long") {
  Training training;
  training.steps_between_delays = 997;
  CHECK(training.whole_share(kSharingPays, kMany) > 0.95);
  Training other;
  other.steps_between_delays = 997;
  CHECK(other.whole_share(kSharingLoses, kMany) < 0.05);
}

TEST_CASE("a step that is held up while it is timed does not decide for long") {
  Training training;
  training.whole_share(kSharingPays, 10 * kMany);  // until trials come regularly
  const auto next_trial = [&] {
    int steps = 1;
    while (training.whole_share(kSharingPays, 1) == 1) ++steps;
    while (training.whole_share(kSharingPays, 1) == 0) ++steps;
    return steps;
  };
  next_trial();
  const int period = next_trial();
  training.whole_share(kSharingPays, period - 150);  // the first half of what is timed next, 100 + 25 + 100 steps
  training.whole_share({microseconds(5000), microseconds(5000)}, 1);
  CHECK(training.whole_share(kSharingPays, 20'000) > 0.9);
}

TEST_CASE("what passes between jobs is not timed") {
  Training training;
  training.whole_share(kSharingPays, kFew, 1, microseconds(500));
  CHECK(training.whole_share(kSharingPays, kMany, 1, microseconds(500)) > 0.99);
  Training other;
  other.whole_share(kSharingLoses, kFew, 1, microseconds(500));
  CHECK(other.whole_share(kSharingLoses, kMany, 1, microseconds(500)) < 0.01);
}

TEST_CASE("long steps, and steps of another number of rows, begin with the whole team") {
  Training training;
  CHECK(training.whole_share({microseconds(1000), microseconds(500)}, kFew) == 1);
  training.whole_share(kSharingLoses, kMany, 1000, {}, 16);
  CHECK(training.whole_share(kSharingLoses, 1, 1, {}, 16) == 0);
  CHECK(training.whole_share(kSharingLoses, 30, 1000, {}, 32) == 1);
}

TEST_CASE("a team of one thread takes every step") {
  ThreadTeam alone(1);
  StepTeam step_team;
  StepTeam::Job job(step_team, alone, 32);
  for (int i = 0; i < kFew; ++i) CHECK(&job.team() == &alone);
}

}  // namespace
}  // namespace chainrule
