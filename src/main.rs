fn main() -> std::process::ExitCode {
    mailstead::run()
}
