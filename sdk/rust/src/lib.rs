//! Write an evidence connector for Exhibit.
