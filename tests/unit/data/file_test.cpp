#include "tinytorch/data/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/data/data_test_util.h"
#include "tinytorch/data/atomic_file.h"

namespace tinytorch::data {
namespace {

namespace fs = std::filesystem;

std::string content(const std::string& path) {
  return std::string(as_text(read_file(path)));
}

TEST(File, ReadsFilesAndPipes) {
  const TempFolder folder;
  write_raw(folder / "a", std::string(10000, 'x'));
  EXPECT_EQ(content(folder / "a"), std::string(10000, 'x'));
  write_raw(folder / "empty", "");
  EXPECT_EQ(content(folder / "empty"), "");
  mkfifo((folder / "pipe").c_str(), 0600);
  std::thread writer([&] { write_raw(folder / "pipe", std::string(100000, 'p')); });
  EXPECT_EQ(content(folder / "pipe"), std::string(100000, 'p'));
  writer.join();
}

TEST(File, SaysWhyItCannotRead) {
  const TempFolder folder;
  EXPECT_EQ(io_error([&] { read_file(folder / "no"); }),
            (folder / "no") + ": cannot be read: No such file or directory.");
  EXPECT_EQ(io_error([&] { read_file(folder.path()); }),
            folder.path() + ": is a folder, expected a file.");
  EXPECT_EQ(io_error([&] { read_file("/dev/zero"); }), "/dev/zero: is a device, expected a file.");
}

TEST(File, GunzipHoldsItsLimit) {
  const std::string zip = gzip(std::string(1 << 20, 'a'));
  EXPECT_EQ(gunzip(as_bytes(zip), "z", 1 << 20).size(), size_t{1} << 20);
  EXPECT_NE(io_error([&] { gunzip(as_bytes(zip), "z", (1 << 20) - 1); }).find("at most 1048575"),
            std::string::npos);
  EXPECT_EQ(gunzip_prefix(as_bytes(zip), "z", 5).size(), 5u);
  const std::string half = zip.substr(0, zip.size() / 2);
  EXPECT_NE(io_error([&] { gunzip(as_bytes(half), "z", 1 << 21); }).find("more compressed data"),
            std::string::npos);
  std::string damaged = zip;
  damaged[zip.size() - 5] ^= 1;  // the stored length
  EXPECT_NE(io_error([&] { gunzip(as_bytes(damaged), "z", 1 << 21); }).find("gzip data"),
            std::string::npos);
}

TEST(AtomicFile, OldContentStaysUntilCommit) {
  const TempFolder folder;
  const std::string path = folder / "a";
  write_file_atomic(path, "old");
  {
    AtomicFile file(path);
    file.write("new");
    EXPECT_EQ(content(path), "old");
  }  // no commit
  EXPECT_EQ(content(path), "old");
  AtomicFile file(path);
  file.write("ne");
  file.write("w");
  file.commit();
  EXPECT_EQ(content(path), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(AtomicFile, LeftoversOfAKilledProcessAreUsedAgain) {
  const TempFolder folder;
  write_raw(folder / ".a.tmp", std::string(100, 'z'));
  write_file_atomic(folder / "a", "short");
  EXPECT_EQ(content(folder / "a"), "short");
  EXPECT_FALSE(fs::exists(folder / ".a.tmp"));
}

TEST(AtomicFile, TwoWritersDoNotMix) {
  const TempFolder folder;
  AtomicFile first(folder / "a"), second(folder / "a");
  first.write("1111");
  second.write("22");
  second.commit();
  EXPECT_EQ(content(folder / "a"), "22");
  first.commit();
  EXPECT_EQ(content(folder / "a"), "1111");
}

TEST(AtomicFile, FollowsLinksKeepsModesAndRefusesFolders) {
  const TempFolder folder;
  write_raw(folder / "real", "x");
  chmod((folder / "real").c_str(), 0640);
  fs::create_symlink("real", folder / "link");
  write_file_atomic(folder / "link", "y");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(content(folder / "real"), "y");
  struct stat info{};
  stat((folder / "real").c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_NE(io_error([&] { AtomicFile f(folder.path()); }).find("is a folder"), std::string::npos);
  EXPECT_NE(
      io_error([&] { AtomicFile f(folder / "no/a"); }).find("cannot be created: No such file"),
      std::string::npos);
  write_file_atomic("/dev/null", "gone");  // written, not replaced
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

}  // namespace
}  // namespace tinytorch::data
