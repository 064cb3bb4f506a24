//! Settings of a simulated Zaber device: names, scopes, ranges.
//!
//! A setting of an axis asked of the whole device gives one value an axis; a setting of the device asked of an axis is
//! refused with DEVICEONLY. Sizes of packets and buffers are refused as unknown, as devices with the defaults do.

use crate::sim::{
    firmware::zaber::{Device, Reject, axis::Controller},
    world::World,
};

/// Microsteps a full step, as it is shipped.
const RESOLUTION: i64 = 64;
/// Build number that goes with every simulated version.
const BUILD: &str = "1";

impl Device {
    /// `get`: the data of the reply.
    pub(crate) fn get(&self, axis: u8, name: &str, world: &World) -> Result<String, Reject> {
        if let Some(value) = self.get_of_device(name) {
            return if axis == 0 { Ok(value) } else { Err("DEVICEONLY") };
        }
        let values: Vec<String> = self
            .scope(axis)
            .iter()
            .map(|axis| get_of_axis(axis, name, world))
            .collect::<Option<_>>()
            .ok_or("BADCOMMAND")?;
        Ok(values.join(" "))
    }

    fn get_of_device(&self, name: &str) -> Option<String> {
        let on = |flag: bool| u8::from(flag).to_string();
        Some(match name {
            "deviceid" | "device.id" => self.identity.device_id.to_string(),
            "system.serial" => self.identity.serial.to_string(),
            "version" => self.identity.version.clone(),
            "version.build" => BUILD.to_owned(),
            "device.hw.modified" => "0".to_owned(),
            "system.axiscount" => self.axes.len().to_string(),
            "system.access" => self.access.to_string(),
            "comm.address" => self.address.to_string(),
            "comm.alert" => on(self.alerts),
            "comm.checksum" => on(self.checksums),
            _ => return None,
        })
    }

    /// `set`: the data of the reply.
    pub(crate) fn set(&mut self, axis: u8, name: &str, value: &str, world: &World) -> Result<String, Reject> {
        let value: i64 = value.parse::<i32>().map_err(|_| "BADDATA")?.into();
        if self.get_of_device(name).is_some() {
            if axis != 0 {
                return Err("DEVICEONLY");
            }
            self.set_of_device(name, value)?;
        } else {
            let scope = self.scope_mut(axis);
            scope.iter().try_for_each(|axis| check_for_axis(axis, name, value))?;
            scope.iter_mut().for_each(|axis| set_of_axis(axis, name, value, world));
        }
        Ok("0".to_owned())
    }

    fn set_of_device(&mut self, name: &str, value: i64) -> Result<(), Reject> {
        let flag = match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("BADDATA"),
        };
        match (name, value) {
            ("comm.alert", _) => self.alerts = flag?,
            ("comm.checksum", _) => self.checksums = flag?,
            ("system.access", 1 | 2) => self.access = if value == 1 { 1 } else { 2 },
            ("system.access", _) => return Err("BADDATA"),
            _ => return Err("BADCOMMAND"),
        }
        Ok(())
    }
}

fn get_of_axis(axis: &Controller, name: &str, world: &World) -> Option<String> {
    let number = match name {
        "pos" => axis.position(world),
        "limit.min" => axis.limit_min,
        "limit.max" => axis.limit_max,
        "maxspeed" => axis.speed,
        "accel" => axis.acceleration,
        "resolution" => RESOLUTION,
        "peripheralid" | "peripheral.id" => axis.identity.peripheral_id?.into(),
        _ => return None,
    };
    Some(number.to_string())
}

fn check_for_axis(axis: &Controller, name: &str, value: i64) -> Result<(), Reject> {
    let possible = match name {
        "pos" => true,
        "limit.min" => value <= axis.limit_max,
        "limit.max" => axis.limit_min <= value,
        "maxspeed" => 0 < value,
        "accel" => 0 <= value,
        _ => return Err("BADCOMMAND"),
    };
    if possible { Ok(()) } else { Err("BADDATA") }
}

fn set_of_axis(axis: &mut Controller, name: &str, value: i64, world: &World) {
    match name {
        "pos" => axis.set_position(value, world),
        "limit.min" => axis.limit_min = value,
        "limit.max" => axis.limit_max = value,
        "maxspeed" => axis.speed = value,
        "accel" => axis.acceleration = value,
        // Names were checked before.
        _ => {}
    }
}
