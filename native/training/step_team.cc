#include "step_team.h"

#include <math.h>

#include <algorithm>

namespace chainrule {
namespace {

// Steps before the first trial, and timed in it: how long they take is not known yet.
constexpr int64_t kFirstWindow = 32;
// A window is long enough for the clock and for helpers to wake, and short beside what it may save.
constexpr double kWindowSeconds = 1e-3;
constexpr int64_t kLeastWindow = 4, kMostWindow = 1024;
// What no step takes less than.
constexpr double kClock = 1e-9;
// Steps that take longer are worth sharing.
constexpr double kLongStep = 2e-4;
// As a logarithm: a window in which something else had the cores must not count for long.
constexpr double kMostAdvantage = 1;
// Windows between two trials: where neither way leads, and how many more where one takes e times as long. What has
// just lost its lead is soon tried again: it may have been held up.
constexpr double kRestWindows = 16, kMoreWindows = 2048;

}  // namespace

void StepTeam::begin(int64_t rows) {
  if (rows != rows_) {
    rows_ = rows;
    whole_is_better_ = true;
    advantage_ = 0;
    window_ = kFirstWindow;
    enter(Stage::kRests, window_);
  } else if (times()) {
    started_ = now_();
  }
}

void StepTeam::enter(Stage stage, int64_t steps) {
  stage_ = stage;
  steps_ = left_ = std::max<int64_t>(steps, 1);
  seconds_ = 0;
  if (times()) started_ = now_();
}

void StepTeam::go_on() {
  const double seconds = times() ? seconds_ + seconds_since_start() : 0;
  const double step_seconds = std::max(seconds / static_cast<double>(steps_), kClock);
  switch (stage_) {
    case Stage::kRests:
      return enter(Stage::kTimesBetter, window_);
    case Stage::kTimesBetter:
      window_ = std::clamp(static_cast<int64_t>(kWindowSeconds / step_seconds), kLeastWindow, kMostWindow);
      if (step_seconds > kLongStep) return rest(0);
      better_seconds_ = step_seconds;
      return enter(Stage::kChanges, window_ / 4);
    case Stage::kChanges:
      return enter(Stage::kTimesOther, window_);
    case Stage::kTimesOther: {
      const double alone = whole_is_better_ ? step_seconds : better_seconds_;
      const double whole = whole_is_better_ ? better_seconds_ : step_seconds;
      advantage_ = (advantage_ + std::clamp(log(alone / whole), -kMostAdvantage, kMostAdvantage)) / 2;
      const bool changes = whole_is_better_ != (advantage_ >= 0);
      if (changes) whole_is_better_ = !whole_is_better_;
      return rest(changes ? 0 : fabs(advantage_));
    }
  }
}

void StepTeam::rest(double lead) {
  const double windows = kRestWindows + kMoreWindows * lead;
  enter(Stage::kRests, static_cast<int64_t>(static_cast<double>(window_) * windows));
}

}  // namespace chainrule
