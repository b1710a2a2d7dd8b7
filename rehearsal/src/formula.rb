# Loads a Homebrew formula on the platform that it is told, lets it install from the current
# folder, and prints what it would have fetched and installed. Takes FORMULA OS CPU.
require "json"

FILE, SYSTEM, PROCESSOR = ARGV
SAID = {}
INSTALLED = []

module OS
  def self.mac? = SYSTEM == "mac"
  def self.linux? = SYSTEM == "linux"
end

module Hardware
  module CPU
    def self.arm? = PROCESSOR == "arm"
    def self.intel? = PROCESSOR == "intel"
  end
end

class Place
  def install(*names) = INSTALLED.concat(names)
  def install_symlink(links) = INSTALLED.concat(links.values)
  def /(name) = name
end

class Formula
  def self.inherited(formula) = (@@formula = formula)
  def self.loaded = @@formula
  %i[desc homepage version license url sha256].each do |key|
    define_singleton_method(key) do |value|
      raise "#{key} is said twice" if SAID.key?(key)
      SAID[key] = value
    end
  end
  def bin = Place.new
  def pkgshare = Place.new
end

load FILE
Formula.loaded.new.install
puts JSON.generate(SAID.merge(formula: Formula.loaded.name, installed: INSTALLED))
