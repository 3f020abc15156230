//! A made-up organisation, served on loopback by fakes that speak the real APIs.
