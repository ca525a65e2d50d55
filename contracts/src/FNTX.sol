// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";

/// @title FNTX, the token that a daily record costs
/// @notice A fixed supply is minted to the deployer once. Nobody owns the contract, nobody can mint, and what
/// TrackRecord burns is gone.
contract FNTX is ERC20, ERC20Burnable {
    uint256 public constant INITIAL_SUPPLY = 1_000_000_000 ether;

    constructor() ERC20("FNTX", "FNTX") {
        _mint(msg.sender, INITIAL_SUPPLY);
    }
}
