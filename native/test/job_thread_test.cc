// One thread for many jobs: in their sequence, each seen whole by who waits for it.
#include "../training/job_thread.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace chainrule {
namespace {

TEST_CASE("a job thread does one job after the other") {
  std::vector<std::thread::id> threads;
  JobThread thread;
  for (int i = 0; i < 1000; ++i) {
    thread.start([&] { threads.push_back(std::this_thread::get_id()); });
    thread.wait();
    REQUIRE(threads.size() == static_cast<size_t>(i + 1));
    CHECK(threads.back() == threads.front());
  }
  CHECK(threads.front() != std::this_thread::get_id());
}

TEST_CASE("a job thread ends when its job has") {
  bool done = false;
  {
    JobThread thread;
    thread.start([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      done = true;
    });
  }
  CHECK(done);
  const JobThread without_a_job;
}

}  // namespace
}  // namespace chainrule
